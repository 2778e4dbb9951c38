import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedRedis, startEmbeddedRedis } from './index.ts'
import { randomCommand } from './testing/random-commands.ts'
import { RawClient, type RawReply } from './testing/raw-client.ts'
import { findRealServer, startRealServer } from './testing/real-server.ts'

const command = findRealServer()

/** DIFFERENTIAL_RUNS=2500 compares some 100,000 commands. */
const RUNS = Number(process.env.DIFFERENTIAL_RUNS ?? 1500)
/** The committed run repeats; a hunt, with DIFFERENTIAL_RUNS, draws anew. */
const SEED = 20_261_123
const LENGTH = 60
/** Two servers are asked one after the other: times to live may differ by so much (ms). */
const TIME_TOLERANCE_MS = 3_000

const UNORDERED = new Set([
  'SMEMBERS',
  'SINTER',
  'SUNION',
  'SDIFF',
  'SPOP',
  'KEYS',
  'SCAN',
  'SSCAN',
  'HSCAN',
  'ZSCAN',
  'HGETALL',
  'HKEYS',
  'HVALS',
])
const RANDOM = new Set(['SRANDMEMBER', 'HRANDFIELD', 'ZRANDMEMBER'])
const TIMES = new Set(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'])

function sorted(reply: RawReply): RawReply {
  if (!Array.isArray(reply)) return reply
  return reply.map(sorted).sort((a, b) => (String(a) < String(b) ? -1 : 1))
}

/** Drops what may differ: the order of unordered replies, which elements chance picked, a few seconds. */
function comparable(name: string, reply: RawReply): RawReply {
  if (UNORDERED.has(name)) return sorted(reply)
  if (RANDOM.has(name)) return Array.isArray(reply) ? reply.length : typeof reply === 'string' ? 'one' : reply
  if (TIMES.has(name) && typeof reply === 'number' && reply > 0) {
    const tolerance = name.startsWith('P') ? TIME_TOLERANCE_MS : TIME_TOLERANCE_MS / 1000
    return Math.round(reply / tolerance / 10)
  }
  if (name === 'HELLO' && Array.isArray(reply)) return 'greeting'
  if (typeof reply === 'object' && reply !== null && 'error' in reply) return comparableError(reply.error)
  return reply
}

/** Lua's own words differ between its versions. */
function comparableError(error: string): RawReply {
  return { error: error.replace(/(Error compiling script).*/, '$1') }
}

/** The queued commands of a transaction answer inside EXEC's reply. */
function comparison(commands: readonly string[][], replies: readonly RawReply[]): RawReply[] {
  let queue: string[] = []
  return replies.map((reply, index) => {
    const name = commands[index]![0]!
    if (typeof reply === 'object' && reply !== null && 'status' in reply && reply.status === 'QUEUED') queue.push(name)
    if (name === 'EXEC' || name === 'DISCARD') {
      const names = queue
      queue = []
      return Array.isArray(reply) ? reply.map((item, i) => comparable(names[i]!, item)) : reply
    }
    return comparable(name, reply)
  })
}

/** A run shows titles, not conditions. */
const unlessThere = command ? '' : ' (skipped: no redis-server or valkey-server on the PATH)'

describe.skipIf(!command)(`the embedded Redis beside a real one${unlessThere}`, () => {
  let real: Awaited<ReturnType<typeof startRealServer>>
  let embedded: EmbeddedRedis
  let clients: RawClient[] = []

  beforeAll(async () => {
    real = await startRealServer(command!)
    embedded = await startEmbeddedRedis()
    clients = await Promise.all([RawClient.connect(real.port), RawClient.connect(embedded.port)])
  })

  afterAll(async () => {
    for (const client of clients) client.close()
    await embedded.close()
    await real.stop()
  })

  it('gives equal replies to random command sequences', { timeout: 10_000 + RUNS * 50 }, async () => {
    const sequences = fc.array(randomCommand, { minLength: 20, maxLength: LENGTH, size: 'max' })
    await fc.assert(
      fc.asyncProperty(sequences, async (commands) => {
        const [wanted, given] = await Promise.all(
          clients.map(async (client) => {
            await client.pipeline([['RESET'], ['FLUSHALL'], ['SCRIPT', 'FLUSH']])
            return comparison(commands, await client.pipeline(commands))
          }),
        )
        expect(given).toEqual(wanted)
      }),
      { numRuns: RUNS, ...(process.env.DIFFERENTIAL_RUNS === undefined ? { seed: SEED } : {}) },
    )
  })
})
