/** Puts documents, each guarded by its version, into the current generation and into the next while one is built. */
import type { Client, estypes } from '@elastic/elasticsearch'
import type { Random } from '#core/ids.ts'
import type { PersonDocument, PostDocument } from '../documents.ts'
import { type Operation, type Outcome, sendBulk } from './bulk.ts'
import { asking, away, Moved, OPTIONS } from './connection.ts'
import type { HashtagCounts } from './hashtags.ts'
import type { Indices, WithIndices } from './indices.ts'
import { GENERATIONS, type Generation } from './names.ts'

export interface Writer {
  people(documents: readonly PersonDocument[]): Promise<Outcome[]>
  posts(documents: readonly PostDocument[]): Promise<Outcome[]>
}

export interface WriterNeeds {
  client: Client
  indices: Indices
  counts: HashtagCounts
  random: Random
  withIndices: WithIndices
  /** Left out: all that there are. */
  only?: Generation
}

export function createWriter({ client, indices, counts, random, withIndices, only }: WriterNeeds): Writer {
  const send = (operations: readonly Operation[]) => sendBulk(client, operations, random)

  const putPeople = (documents: readonly PersonDocument[], generation: Generation) =>
    send(
      documents.map((document) =>
        guarded(indices.alias('people', generation), document.userId, document.version, personSource(document)),
      ),
    )

  /**
   * Which hashtags a post takes away is only known of the document that it replaces. So that no crash and no race in between
   * leaves a wrong count, all are marked before the write: what is marked is counted after it (hashtags.ts).
   */
  const putPosts = async (documents: readonly PostDocument[], generation: Generation): Promise<Outcome[]> => {
    const former = await formerHashtags(client, indices.alias('posts', generation), documents)
    const tags = documents.map(({ hashtags }, i) => new Set([...hashtags, ...(former[i] ?? [])]))
    const failures = await counts.mark(new Set(tags.flatMap((set) => [...set])), generation)
    const refused = tags.map((set) => [...set].map((tag) => failures.get(tag)).find((failure) => failure !== undefined))
    const good = documents.filter((_, i) => refused[i] === undefined)
    const alias = indices.alias('posts', generation)
    const sent = await send(
      good.map((document) => guarded(alias, document.postId, document.version, postSource(document))),
    )
    const outcomes = sent.values()
    return refused.map((failure) => failure ?? outcomes.next().value ?? null)
  }

  /** Into every generation. The first failure of a document is its outcome. */
  const everywhere = <T>(
    documents: readonly T[],
    put: (documents: readonly T[], to: Generation) => Promise<Outcome[]>,
  ) =>
    withIndices(async () => {
      const targets = only ? [only] : (await indices.hasNext()) ? GENERATIONS : (['current'] as const)
      const byTarget: Outcome[][] = []
      for (const target of targets) byTarget.push(await put(documents, target))
      const moved = byTarget.flat().find((outcome) => outcome instanceof Moved)
      if (moved) throw moved
      return documents.map((_, i) => byTarget.map((outcomes) => outcomes[i]).find(Boolean) ?? null)
    })

  return {
    people: (documents) => everywhere(documents, putPeople),
    posts: (documents) => everywhere(documents, putPosts),
  }
}

/**
 * `external`, not `external_gte`: an equal version is the same row, and a replay that changes nothing should write nothing.
 * Through an alias only: a name that is not there must not become an index with guessed mappings.
 */
const guarded = (alias: string, id: string, version: number, source: object): Operation => [
  { index: { _index: alias, _id: id, version, version_type: 'external', require_alias: true } },
  source,
]

/** A long goes to Elasticsearch as text: JSON numbers of JavaScript end at 53 bits. */
const personSource = ({ userId, handle, words, deleted }: PersonDocument) => ({ id: userId, handle, words, deleted })
const postSource = ({ postId, userId, words, hashtags, deleted }: PostDocument) => ({
  ...{ id: postId, userId, words, hashtags, deleted },
})

/** The hashtags that stand in the index now: read by id, which sees what no refresh has shown yet. */
async function formerHashtags(client: Client, alias: string, documents: readonly PostDocument[]): Promise<string[][]> {
  const ids = [...new Set(documents.map(({ postId }) => postId))]
  const request = { index: alias, ids, _source_includes: ['hashtags'] }
  const { docs } = await asking(() => client.mget<{ hashtags?: string[] }>(request, OPTIONS.write))
  const byId = new Map(docs.map((doc) => [doc._id, hashtagsIn(doc)]))
  return documents.map(({ postId }) => byId.get(postId) ?? [])
}

function hashtagsIn(doc: estypes.MgetResponseItem<{ hashtags?: string[] }>): string[] {
  if (!('error' in doc)) return doc._source?.hashtags ?? []
  const { type, reason } = doc.error
  throw type === 'index_not_found_exception' ? new Moved(reason ?? type) : away(new Error(`${type}: ${reason}`))
}
