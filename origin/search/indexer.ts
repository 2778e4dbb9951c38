/** Brings documents to the rows they stand for. The row decides, not the event: events may be late, repeated, or overtaken. */
import type { EventsOf, TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { idsToIndex, personToIndex, postToIndex } from '#drizzle/queries/search.ts'
import { gonePerson, gonePost, personDocument, postDocument } from './documents.ts'
import type { SearchStore } from './store.ts'

const TOPICS = ['search.index', 'user.changed', 'post.created', 'post.deleted', 'media.ready'] as const
export const SEARCH_TOPICS: readonly (typeof TOPICS)[number][] = TOPICS

const REINDEX_PAGE = 500

interface PersonRow {
  user_id: Id
  username: string
  display_name: string
  deleted: boolean
  version: string
}

interface PostRow {
  post_id: Id
  user_id: Id
  caption: string
  hashtags: string[]
  deleted: boolean
  version: string
}

export interface Indexer {
  apply(event: TidelineEvent<EventsOf<(typeof TOPICS)[number]>>): Promise<void>
  /** Indexes every person and post again, for a new or emptied index. @returns how many */
  reindex(): Promise<{ people: number; posts: number }>
}

/** `rows` is where users and posts are, read at the primary. */
export function createIndexer(rows: Database, store: SearchStore): Indexer {
  /** `version` of the change; a row that is gone altogether leaves a tombstone with it. */
  const person = async (userId: Id, version: number) => {
    const [row] = await rows.query<PersonRow>(personToIndex(userId))
    if (row === undefined) return store.putPerson(gonePerson(userId, version))
    const { username, display_name: displayName, deleted } = row
    return store.putPerson(personDocument({ userId, username, displayName, deleted, version: Number(row.version) }))
  }
  const post = async (postId: Id, version: number) => {
    const [row] = await rows.query<PostRow>(postToIndex(postId))
    if (row === undefined) return store.putPost(gonePost(postId, '0', version))
    const { user_id: userId, caption, hashtags, deleted } = row
    return store.putPost(postDocument({ postId, userId, caption, hashtags, deleted, version: Number(row.version) }))
  }
  const all = async (kind: 'user' | 'post', index: (id: Id, version: number) => Promise<void>) => {
    let [after, count]: [Id, number] = ['0', 0]
    for (;;) {
      const page = await rows.query<{ id: Id }>(idsToIndex(kind, after, REINDEX_PAGE))
      for (const { id } of page) await index(id, 0)
      count += page.length
      const last = page.at(-1)
      if (last === undefined) return count
      after = last.id
    }
  }

  return {
    async apply(event) {
      switch (event.type) {
        case 'search.index':
          return event.data.kind === 'user'
            ? person(event.data.id, event.data.version)
            : post(event.data.id, event.data.version)
        case 'user.changed':
          return person(event.data.userId, event.data.version)
        case 'post.created':
        case 'post.deleted':
          return post(event.data.postId, event.data.version)
        case 'media.ready':
          // Its version is the media's, not the post's: it may not make a tombstone.
          if (event.data.postId !== null) await post(event.data.postId, 0)
          return
        case 'celebrity.changed':
          // Rides in the topic of posts to keep its order with them; nothing that is searched changes.
          return
      }
    },
    reindex: async () => ({ people: await all('user', person), posts: await all('post', post) }),
  }
}
