/** The whole relational schema; docs/storage-schema.md explains each table. */
export * from './schema/collections.ts'
export * from './schema/directory.ts'
export * from './schema/engagement.ts'
export * from './schema/events.ts'
export * from './schema/graph.ts'
export * from './schema/people.ts'
export * from './schema/posts.ts'
export * from './schema/search.ts'
