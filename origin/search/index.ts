/** Search: people, hashtags and posts, fed by events and asked by the edge. */
import type { Database } from '#drizzle/database.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import type { OriginHandlers } from '../internal-api.ts'
import type { Logger } from '../observe/logger.ts'
import { repeatedly } from '../repeatedly.ts'
import { createIndexer, type Indexer, SEARCH_TOPICS } from './indexer.ts'
import { searchService } from './service.ts'
import type { SearchStore } from './store.ts'

export {
  type ElasticsearchSettings,
  elasticsearchEnvironment,
  elasticsearchSettings,
} from './elasticsearch/settings.ts'
export { createIndexer, type ReindexOptions } from './indexer.ts'
export { postgresSearch } from './postgres.ts'
export type { Rebuilt, SearchStore } from './store.ts'

export interface SearchNeeds {
  store: SearchStore
  log: EventLog
  /** Where users and posts are, whatever engine the store is. */
  rows: Database
  logger: Logger
}

const KEEP_UP_EVERY_MS = 1_000

/** Of the log's 16 partitions a topic, so many are mostly at work at once. */
const BUSY_PARTITIONS = 8

export interface Search {
  handlers: OriginHandlers
  /** Starts following the log. A process that only answers calls need not. */
  start(): void
  /** Indexes every person and post again, for a new, emptied or changed index. */
  reindex: Indexer['reindex']
  close(): Promise<void>
}

export function createSearch({ store, log, rows, logger }: SearchNeeds): Search {
  const service = searchService(store)
  const indexer = createIndexer(rows, store)
  let consumer: Consumer | null = null
  let stopKeepingUp = async () => {}
  return {
    handlers: {
      'search.users': (input) => service.users(input),
      'search.hashtags': (input) => service.hashtags(input),
      'search.posts': (input) => service.posts(input),
    },
    start() {
      consumer = log.subscribe({
        ...{ group: 'search', topics: SEARCH_TOPICS },
        // Rows decide, and documents have versions: any order will do.
        concurrency: store.putsAtOnce,
        together: Math.ceil(store.putsAtOnce / BUSY_PARTITIONS),
        handle: (event) => indexer.apply(event),
      })
      stopKeepingUp = repeatedly('search', KEEP_UP_EVERY_MS, logger, () => store.keepUp())
    },
    reindex: indexer.reindex,
    async close() {
      await consumer?.stop()
      await stopKeepingUp()
    },
  }
}
