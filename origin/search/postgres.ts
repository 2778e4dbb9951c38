import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/search.ts'
import type { AfterId, AfterTag, Rebuild, Rebuilt, SearchStore } from './store.ts'
import { fold } from './text.ts'

/** Each is a transaction on connections that other work needs, too. */
const PUTS_AT_ONCE = 8
/** Documents of a rebuild that are read at once. */
const REBUILD_PAGE = 500

export function postgresSearch(database: Database): SearchStore {
  const second = async <T>(statements: ReturnType<typeof queries.findPostsAlike>) =>
    ((await database.batch(statements))[1] ?? []) as T[]

  const putPerson: SearchStore['putPerson'] = async (document) => {
    await database.query(queries.upsertPerson(document))
  }
  const putPost: SearchStore['putPost'] = async (document) => {
    const hashtags = document.hashtags.map((tag) => ({ tag, folded: fold(tag) }))
    await database.batch(queries.upsertPost({ ...document, hashtags }))
  }

  return {
    putsAtOnce: PUTS_AT_ONCE,
    putPerson,
    putPost,
    people: ({ text, words }, after, limit) => database.query<AfterId>(queries.findPeople(text, words, after, limit)),
    async peopleAlike({ words }, limit) {
      if (words.length === 0) return []
      type Row = { id: Id; handle: string; words: string[] }
      const rows = await second<Row>(queries.findPeopleAlike(words, limit))
      return rows.map(({ id, handle, words }) => ({ userId: id, handle, words }))
    },
    posts: async ({ words }, after, limit) =>
      words.length === 0 ? [] : database.query<AfterId>(queries.findPosts(words, after, limit)),
    async postsAlike({ words }, limit) {
      if (words.length === 0) return []
      const rows = await second<{ id: Id; words: string[] }>(queries.findPostsAlike(words, limit))
      return rows.map(({ id, words }) => ({ postId: id, words }))
    },
    hashtags: ({ text }, after, limit) => database.query<AfterTag>(queries.findHashtags(text, after, limit)),
    hashtagsAlike: ({ text }, limit) => second(queries.findHashtagsAlike(text, limit)),
    // A transaction is seen when it has committed, and moves the counts itself.
    settle: async () => {},
    keepUp: async () => {},
    rebuild: (work) => rebuildInPlace(work, putPerson, putPost),
  }
}

/** Tables need no successor to be filled again: what is there and as new stays, the rest is written over. */
async function rebuildInPlace(
  { people, posts, report }: Rebuild,
  putPerson: SearchStore['putPerson'],
  putPost: SearchStore['putPost'],
): Promise<Rebuilt> {
  const done: Rebuilt = { people: 0, posts: 0 }
  const fill = async <T>(
    kind: keyof Rebuilt,
    read: (after: Id, limit: number) => Promise<T[]>,
    put: (document: T) => Promise<void>,
    idOf: (document: T) => Id,
  ) => {
    for (let after: Id = '0'; ; ) {
      const documents = await read(after, REBUILD_PAGE)
      for (const document of documents) await put(document)
      const last = documents.at(-1)
      if (last === undefined) return
      after = idOf(last)
      done[kind] += documents.length
      report?.({ ...done, at: after })
    }
  }
  await fill('people', people, putPerson, ({ userId }) => userId)
  await fill('posts', posts, putPost, ({ postId }) => postId)
  return done
}
