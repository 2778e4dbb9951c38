/** Search in Elasticsearch: the same folded words, in indices that are replaced without a pause. */
import type { Clock, Random } from '#core/ids.ts'
import { batched } from '../batches.ts'
import type { PersonDocument, PostDocument } from '../documents.ts'
import type { Rebuild, SearchStore } from '../store.ts'
import { asking, elasticsearchClient, OPTIONS } from './connection.ts'
import { hashtagCounts } from './hashtags.ts'
import { openIndices, withIndicesOf } from './indices.ts'
import { KINDS } from './names.ts'
import { createReader } from './reader.ts'
import { rebuildNext } from './rebuild.ts'
import type { ElasticsearchSettings } from './settings.ts'
import { createWriter } from './writer.ts'

export interface ElasticsearchNeeds {
  settings: ElasticsearchSettings
  clock: Clock
  random: Random
}

export interface ElasticsearchSearch extends SearchStore {
  /** @throws Problem 503 when no node answers */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Documents of one request: some megabytes at most, where all of them are as long as they may be. */
const BATCH = 500
/** Gathered into requests: with eight, an index that is behind catches up a tenth as fast. */
const PUTS_AT_ONCE = 256

/** Connects, and makes missing indices, at first use: an origin that starts while Elasticsearch is away serves all else. */
export function elasticsearchSearch({ settings, clock, random }: ElasticsearchNeeds): ElasticsearchSearch {
  const client = elasticsearchClient(settings)
  const indices = openIndices(client, settings, clock)
  const withIndices = withIndicesOf(indices)
  const counts = hashtagCounts({ client, indices, clock, random })
  const needs = { client, indices, counts, random, withIndices }
  const writer = createWriter(needs)
  const putPerson = batched<PersonDocument, null>(BATCH, writer.people)
  const putPost = batched<PostDocument, null>(BATCH, writer.posts)
  const generations = async () => ((await indices.hasNext()) ? (['current', 'next'] as const) : (['current'] as const))

  return {
    putsAtOnce: PUTS_AT_ONCE,
    putPerson: async (document) => void (await putPerson(document)),
    putPost: async (document) => void (await putPost(document)),
    ...createReader(client, indices, withIndices),
    settle: () =>
      withIndices(async () => {
        const index = KINDS.map((kind) => indices.alias(kind, 'current'))
        await asking(() => client.indices.refresh({ index }, OPTIONS.write))
        await counts.countAll('current')
        await asking(() => client.indices.refresh({ index }, OPTIONS.write))
      }),
    keepUp: () =>
      withIndices(async () => {
        for (const generation of await generations()) {
          while (await counts.countDue(generation)) {}
        }
      }),
    async rebuild(work: Rebuild) {
      await indices.ensure()
      return rebuildNext({ client, indices, counts, work, writer: createWriter({ ...needs, only: 'next' }) })
    },
    async ping() {
      await asking(() => client.ping({}, OPTIONS.search))
    },
    close: () => client.close(),
  }
}
