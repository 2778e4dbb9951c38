import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/search.ts'
import type { AfterId, AfterTag, SearchStore } from './store.ts'
import { fold } from './text.ts'

export function postgresSearch(database: Database): SearchStore {
  const second = async <T>(statements: ReturnType<typeof queries.findPostsAlike>) =>
    ((await database.batch(statements))[1] ?? []) as T[]

  return {
    async putPerson(document) {
      await database.query(queries.upsertPerson(document))
    },
    async putPost(document) {
      const hashtags = document.hashtags.map((tag) => ({ tag, folded: fold(tag) }))
      await database.batch(queries.upsertPost({ ...document, hashtags }))
    },
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
  }
}
