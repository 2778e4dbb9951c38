import type { Topic } from '#core/events.ts'
import type { Random } from '#core/ids.ts'
import type { Logger } from '../../observe/logger.ts'
import { backoffMs, pause } from '../backoff.ts'
import { type KafkaClient, placeKey } from './client.ts'
import type { BrokerNames } from './names.ts'

interface RewindOptions {
  client: KafkaClient
  names: BrokerNames
  topics: readonly Topic[]
  sessionMs: number
  random: Random
  logger: Logger
}

const RETRY = { firstMs: 250, maxMs: 2_000 }
/** The broker moves a group without members only; one that died counts as a member for its session. */
const PATIENCE_SESSIONS = 3

/** Takes all groups back to what was appended from an instant on, where they stand further on. */
export async function rewindGroups(options: RewindOptions, sinceMs: number): Promise<void> {
  const { client, names, topics } = options
  const wanted = topics.map(names.topic)
  const since = new Map((await client.offsetsAt(wanted, sinceMs)).map((at) => [placeKey(at), at.offset]))
  for (const group of (await client.groups()).filter(names.isGroup)) {
    const ahead = (await client.committed(group, wanted)).flatMap((at) => {
      const offset = since.get(placeKey(at)) ?? at.offset
      return offset < at.offset ? [{ ...at, offset }] : []
    })
    if (ahead.length > 0) await untilEmpty(options, group, () => client.setCommitted(group, ahead))
  }
}

async function untilEmpty(options: RewindOptions, group: string, move: () => Promise<void>): Promise<void> {
  const { sessionMs, random, logger } = options
  const patience = AbortSignal.timeout(sessionMs * PATIENCE_SESSIONS)
  for (let attempt = 1; ; attempt++) {
    try {
      return await move()
    } catch (error) {
      if (patience.aborted) throw error
      logger.warn({ err: error, group }, 'a group cannot be taken back yet: it may have a member that died just now')
      await pause(backoffMs(attempt, RETRY, random), patience)
    }
  }
}
