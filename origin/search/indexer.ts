/** Brings documents to the rows they stand for. The row decides, not the event: events may be late, repeated, or overtaken. */
import type { SQL } from 'drizzle-orm'
import type { EventsOf, TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { mayLag } from '#drizzle/placement.ts'
import {
  peopleToIndex,
  postsToIndex,
  somePeopleToIndex,
  somePostsToIndex,
  taggedPostsToIndex,
} from '#drizzle/queries/search.ts'
import { batched } from './batches.ts'
import { gonePerson, gonePost, personDocument, postDocument } from './documents.ts'
import type { Rebuild, Rebuilt, SearchStore } from './store.ts'

const TOPICS = ['search.index', 'user.changed', 'post.created', 'post.deleted', 'media.ready'] as const
export const SEARCH_TOPICS: readonly (typeof TOPICS)[number][] = TOPICS

/** Rows that are read at once. */
const ROWS_AT_ONCE = 500

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
  /** Indexes every person and post again, for a new, emptied or changed index. @returns how many */
  reindex(options?: ReindexOptions): Promise<Rebuilt>
}

export interface ReindexOptions extends Pick<Rebuild, 'restart' | 'report'> {
  /**
   * Rows may come from replicas once this has resolved: they show by then what had been committed before it was called. What
   * is committed later is written to the next index as well. Absent: rows come from the primary.
   */
  caughtUp?: () => Promise<unknown>
}

const ofPerson = ({ user_id: userId, username, display_name: displayName, deleted, version }: PersonRow) =>
  personDocument({ userId, username, displayName, deleted, version: Number(version) })
const ofPost = ({ post_id: postId, user_id: userId, caption, hashtags, deleted, version }: PostRow) =>
  postDocument({ postId, userId, caption, hashtags, deleted, version: Number(version) })

/** `rows` is where users and posts are, read at the primary. */
export function createIndexer(rows: Database, store: SearchStore): Indexer {
  const { person, post, taggedPosts } = putsOf(rows, store)
  return {
    async apply(event) {
      switch (event.type) {
        case 'search.index':
          return event.data.kind === 'user'
            ? person(event.data.id, event.data.version)
            : post(event.data.id, event.data.version, null)
        case 'user.changed':
          await person(event.data.userId, event.data.version)
          if (event.data.isPrivate !== undefined) await taggedPosts(event.data.userId)
          return
        case 'post.created':
        case 'post.deleted':
          return post(event.data.postId, event.data.version, event.data.userId)
        case 'media.ready':
          // Its version is the media's, not the post's: it may not make a tombstone.
          if (event.data.postId !== null) await post(event.data.postId, 0, null)
          return
        case 'celebrity.changed':
          // Rides in the topic of posts to keep its order with them; nothing that is searched changes.
          return
      }
    },
    reindex: reindexer(rows, store),
  }
}

/** Puts documents as their rows stand now. */
function putsOf(rows: Database, store: SearchStore) {
  const personRow = together(rows, somePeopleToIndex, (row: PersonRow) => row.user_id)
  const postRow = together(rows, somePostsToIndex, (row: PostRow) => row.post_id)

  /** `version` of the change; a row that is gone altogether leaves a tombstone with it. */
  const person = async (userId: Id, version: number) => {
    const row = await personRow(userId)
    return store.putPerson(row === null ? gonePerson(userId, version) : ofPerson(row))
  }
  const post = async (postId: Id, version: number, userId: Id | null) => {
    const row = await postRow(postId)
    if (row !== null) return store.putPost(ofPost(row))
    // Versions of posts count their author's in.
    const author = userId === null ? null : await personRow(userId)
    return store.putPost(gonePost(postId, userId ?? '0', version + Number(author?.version ?? 0)))
  }
  /** Hashtags of an account that has turned private go, those of one that has turned public come. */
  const taggedPosts = async (userId: Id) => {
    for (let after: Id = '0'; ; ) {
      const page = await rows.query<PostRow>(taggedPostsToIndex(userId, after, ROWS_AT_ONCE))
      await Promise.all(page.map((row) => store.putPost(ofPost(row))))
      const last = page.at(-1)
      if (last === undefined || page.length < ROWS_AT_ONCE) return
      after = String(last.post_id)
    }
  }
  return { person, post, taggedPosts }
}

function reindexer(rows: Database, store: SearchStore): Indexer['reindex'] {
  return ({ caughtUp, ...options } = {}) => {
    let settled: Promise<unknown> | null = null
    const read = async <T>(statement: SQL) => {
      if (caughtUp === undefined) return rows.query<T>(statement)
      // Not sooner than at the first page: the next index is there by then.
      settled ??= caughtUp()
      await settled
      return rows.query<T>(mayLag(statement))
    }
    return store.rebuild({
      people: async (after, limit) => (await read<PersonRow>(peopleToIndex(after, limit))).map(ofPerson),
      posts: async (after, limit) => (await read<PostRow>(postsToIndex(after, limit))).map(ofPost),
      ...options,
    })
  }
}

/**
 * Reads rows by id: those that are asked for while a statement is under way go together in the next one. Where some of them
 * cannot be read, since a database is away, the others are.
 */
function together<R extends object>(
  rows: Database,
  statement: (ids: readonly Id[]) => SQL,
  idOf: (row: R) => Id,
): (id: Id) => Promise<R | null> {
  const read = async (ids: readonly Id[]) => {
    const found = await rows.query<R>(statement([...new Set(ids)]))
    const byId = new Map(found.map((row) => [String(idOf(row)), row]))
    return ids.map((id) => byId.get(id) ?? null)
  }
  const alone = (id: Id) => read([id]).then(([row]) => row ?? null, asError)
  return batched<Id, R | null>(ROWS_AT_ONCE, (ids) => read(ids).catch(() => Promise.all(ids.map(alone))))
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
