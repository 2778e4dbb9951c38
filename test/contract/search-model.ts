/** What search answers, by looking at every document: the measure for engines that cannot afford to. */
import { compareIds, type Id } from '#core/ids.ts'
import type { PersonDocument, PostDocument } from '../../origin/search/documents.ts'
import type { SearchStore } from '../../origin/search/index.ts'
import { matchesWords, type SearchQuery, TIER } from '../../origin/search/query.ts'
import { fold } from '../../origin/search/text.ts'

/** A search store over the documents as they shall stand. */
export function modelOf(people: readonly PersonDocument[], posts: readonly PostDocument[]): SearchStore {
  const livingPeople = people.filter(({ deleted }) => !deleted)
  const livingPosts = posts.filter(({ deleted }) => !deleted)
  const tags = Map.groupBy(
    livingPosts.flatMap(({ hashtags }) => hashtags),
    (tag) => tag,
  )
  const counted = [...tags].map(([tag, { length }]) => ({ tag, posts: length, folded: fold(tag) }))
  const notHere = async () => {
    throw new Error('a model is made of documents, it takes none')
  }

  return {
    putsAtOnce: 0,
    people: async (query, after, limit) =>
      byTierAndId(livingPeople, personTier, query, ({ userId }) => userId, after, limit),
    peopleAlike: async () => livingPeople,
    posts: async (query, after, limit) =>
      byTierAndId(livingPosts, postTier, query, ({ postId }) => postId, after, limit),
    postsAlike: async () => livingPosts,
    async hashtags({ text }, after, limit) {
      const hits = counted
        .filter(({ folded }) => folded.startsWith(text))
        .map(({ tag, posts, folded }) => ({ tag, posts, tier: folded === text ? TIER.exact : TIER.prefix }))
        .sort((a, b) => a.tier - b.tier || b.posts - a.posts || compareBytes(a.tag, b.tag))
      const start = after === null ? 0 : hits.findIndex(({ tag }) => tag === after.tag) + 1
      return hits.slice(start, start + limit)
    },
    hashtagsAlike: async () => counted,
    putPerson: notHere,
    putPost: notHere,
    settle: async () => {},
    keepUp: async () => {},
    rebuild: notHere,
  }
}

function byTierAndId<T>(
  documents: readonly T[],
  tierOf: (query: SearchQuery, document: T) => number | null,
  query: SearchQuery,
  idOf: (document: T) => Id,
  after: { id: Id } | null,
  limit: number,
) {
  const hits = documents
    .map((document) => ({ id: idOf(document), tier: tierOf(query, document) }))
    .flatMap(({ id, tier }) => (tier === null ? [] : [{ id, tier }]))
    .sort((a, b) => a.tier - b.tier || compareIds(b.id, a.id))
  const start = after === null ? 0 : hits.findIndex(({ id }) => id === after.id) + 1
  return hits.slice(start, start + limit)
}

function personTier(query: SearchQuery, { handle, words }: PersonDocument): number | null {
  if (handle === query.text) return TIER.exact
  if (handle.startsWith(query.text)) return TIER.prefix
  return matchesWords(query, words) ? TIER.words : null
}

function postTier(query: SearchQuery, { words }: PostDocument): number | null {
  if (!matchesWords(query, words)) return null
  return words.includes(query.words.at(-1) ?? '') ? TIER.exact : TIER.prefix
}

/** As engines compare: by the bytes of UTF-8. */
const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
