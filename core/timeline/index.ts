/** Timelines and the sets around them, as Redis commands and replies: the one place where their keys' rules are kept. */
export * from './author-list.ts'
export * from './author-mode.ts'
export * from './delta.ts'
export * from './derived-sets.ts'
export * from './own-post.ts'
export {
  type Counts,
  DELETED,
  outlineOf,
  type PostBody,
  type PostMedia,
  type PostRecord,
  parsePost,
  takeBody,
} from './packed-post.ts'
export * from './post-record.ts'
export * from './rebuild.ts'
export * from './timeline.ts'
