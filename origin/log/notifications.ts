/** Hears of appends by other processes: LISTEN on a connection of its own, made again when it breaks. */
import pg from 'pg'
import type { Random } from '#core/ids.ts'
import { LOG_CHANNEL } from '#drizzle/queries/log.ts'
import type { Logger } from '../observe/logger.ts'
import { backoffMs } from './backoff.ts'

export interface Notifications {
  close(): Promise<void>
}

const RECONNECT = { firstMs: 200, maxMs: 10_000 }

/**
 * @param self names the appends of this process, which it has heard of already
 * @param heard gets `topic/partition`, or nothing when some may have been missed
 */
export function listenForAppends(
  url: string,
  self: string,
  heard: (place?: string) => void,
  { logger, random }: { logger: Logger; random: Random },
): Notifications {
  let client: pg.Client | null = null
  let timer: NodeJS.Timeout | null = null
  let closed = false
  let failures = 0

  async function connect(): Promise<void> {
    const own = new pg.Client({ connectionString: url })
    client = own
    own.on('notification', ({ payload = '' }) => {
      const [notifier, place] = payload.split(' ')
      if (notifier !== self) heard(place)
    })
    own.on('error', (error) => again(own, error))
    own.on('end', () => again(own, null))
    try {
      await own.connect()
      await own.query(`LISTEN ${LOG_CHANNEL}`)
      failures = 0
      heard()
    } catch (error) {
      again(own, error)
    }
  }

  function again(own: pg.Client, error: unknown): void {
    if (closed || client !== own) return
    client = null
    own.end().catch(() => {})
    failures++
    logger.warn({ err: error }, 'no longer told of appends by other processes; polling until connected again')
    timer = setTimeout(() => void connect(), backoffMs(failures, RECONNECT, random))
  }

  void connect()
  return {
    async close() {
      closed = true
      if (timer) clearTimeout(timer)
      await client?.end().catch(() => {})
    },
  }
}
