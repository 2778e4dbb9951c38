/**
 * The Redis port over a cluster: the commands of a pipeline go to the masters that own their slots, those of one master in
 * one write, and answers come back in the order asked. Within one slot commands are executed in the order given; across
 * slots there is none.
 *
 * ioredis keeps the map of slots, the connections and the redirections. What is safe to repeat is decided here:
 * - MOVED, ASK, TRYAGAIN, CLUSTERDOWN: the node says that it did not execute the command. It is sent again, ASK with ASKING, a
 *   bounded number of times, by ioredis' own `call`.
 * - A connection that broke under a command: nobody knows. INCR twice would count twice, so it is never sent again, and the
 *   caller hears RedisAwayError. Consumers repeat their whole event then, which is made to be repeated; counters are
 *   recounted from the store (origin/engagement/roll-up.ts).
 * - A node that is gone: its commands are refused at once until its replica has taken over.
 */
import { Cluster, type Redis } from 'ioredis'
import { type Command, RedisAwayError } from '#core/redis.ts'
import { commandSlot, SLOTS } from '#core/redis-slots.ts'
import type { ClusterAddress } from './address.ts'
import { type Line, openLine } from './line.ts'
import type { OriginRedis, RedisMaster } from './port.ts'
import type { Outcome } from './replies.ts'
import {
  COMMAND_TIMEOUT_MS,
  call,
  callAll,
  connectionOptions,
  LINE_FROM,
  lineAddress,
  outcomesOf,
  type RedisPortOptions,
  RedisReplyError,
  repliesOf,
  spanning,
  tlsTo,
  withinTime,
} from './sending.ts'
import { streamClosed } from './server.ts'

/** How often the map of slots is read when nothing hints at a change. */
const REFRESH_MS = 5_000

/** How soon it is read again when a node went, and stays away. */
const LOOK_AGAIN_MS = 100

/** With the pauses between them, redirections of one command end after about 400 ms. */
const REDIRECTIONS = 16
const PAUSE_MS = 50

/** Commands without a key that any node may answer for all. Others concern each node: `masters()`. */
const ANYWHERE = new Set(['ECHO', 'PING', 'PUBLISH', 'TIME'])

export function clusterPort(address: ClusterAddress, options: RedisPortOptions): OriginRedis {
  const timeoutMs = options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS
  const cluster = openCluster(address, options)
  const lines = linesOf(cluster, options)

  return {
    ready: () =>
      cluster.status === 'ready' ? Promise.resolve() : new Promise((resolve) => cluster.once('ready', () => resolve())),
    async pipeline(commands) {
      if (commands.length === 0) return []
      const slots = commands.map(slotOf)
      if (cluster.status !== 'ready') throw new RedisAwayError('there is no connection to the Redis cluster just now')
      return repliesOf(commands, await withinTime(sendBySlot({ cluster, lines }, commands, slots), timeoutMs))
    },
    masters: () => mastersOf(cluster, timeoutMs),
    async close() {
      const nodes = cluster.nodes()
      cluster.disconnect()
      await Promise.all([...nodes.map(streamClosed), lines.close()])
    },
  }
}

function openCluster(address: ClusterAddress, options: RedisPortOptions): Cluster {
  const credentials = {
    ...(address.username === null ? {} : { username: address.username }),
    ...(address.password === null ? {} : { password: address.password }),
    // Nodes are reached under several names: that of each is its connection's business.
    ...(address.tls ? { tls: tlsTo(null, options) } : {}),
  }
  const cluster = new Cluster(address.nodes, {
    redisOptions: { ...connectionOptions({ connectTimeoutMs: 1_000, ...options }), ...credentials },
    // A certificate names a host: under TLS, names are not turned into addresses before connecting.
    ...(address.tls ? { dnsLookup: (host, found) => found(null, host) } : {}),
    // For a command that is redirected to a node that was never spoken to. It waits as long as connecting may take.
    enableOfflineQueue: true,
    slotsRefreshInterval: REFRESH_MS,
    maxRedirections: REDIRECTIONS,
    retryDelayOnClusterDown: PAUSE_MS,
    retryDelayOnTryAgain: PAUSE_MS,
    // What broke under way may have been executed: see above.
    retryDelayOnFailover: 0,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, 2_000),
  })
  cluster.on('error', (error: Error) => options.onError?.(error))
  cluster.on('node error', (error: Error) => options.onError?.(error))
  // Replicas, too: when one takes over, it is spoken to at once.
  cluster.on('+node', (node: Redis) => {
    if (node.status === 'wait') node.connect().catch(() => undefined)
  })
  // A node that went has lost its slots to another one, or soon will.
  let willLook = false
  cluster.on('-node', () => {
    if (willLook) return
    willLook = true
    const look = () => {
      willLook = false
      if (cluster.status === 'ready') cluster.refreshSlotsCache()
    }
    setTimeout(look, LOOK_AGAIN_MS).unref()
  })
  return cluster
}

/** @throws RedisReplyError before anything is sent */
function slotOf(command: Command, index: number): number {
  const slot = commandSlot(command)
  if (typeof slot === 'number') return slot
  if (slot === 'several') throw spanning(command, index)
  if (ANYWHERE.has(String(command[0]))) return 0
  throw new RedisReplyError(String(command[0]), 'has no key: in a cluster, ask each of masters()', index)
}

const addressOf = ({ options }: Redis): string => `${options.host}:${options.port}`

const byAddress = (cluster: Cluster): Map<string, Redis> =>
  new Map(cluster.nodes().map((node) => [addressOf(node), node]))

interface Lines {
  /** The line to a node; null while there is none that can be used. */
  to(node: Redis): Line | null
  close(): Promise<void>
}

/** One to each node that long pipelines have gone to, for as long as it is of the cluster. */
function linesOf(cluster: Cluster, options: RedisPortOptions): Lines {
  const lines = new Map<string, Line>()
  cluster.on('-node', (node: Redis) => {
    const gone = addressOf(node)
    void lines.get(gone)?.close()
    lines.delete(gone)
  })
  return {
    to(node) {
      const address = addressOf(node)
      let line = lines.get(address)
      if (line === undefined) {
        line = openLine(lineAddress(node, options), performance.now.bind(performance))
        lines.set(address, line)
      }
      return line.isReady() ? line : null
    },
    async close() {
      await Promise.all([...lines.values()].map((line) => line.close()))
    },
  }
}

type Sender = { cluster: Cluster; lines: Lines }

/** By hand for what a known node takes at once; by ioredis, which is slower, for what has to be looked for. */
async function sendBySlot(sender: Sender, commands: readonly Command[], slots: readonly number[]): Promise<Outcome[]> {
  const { cluster } = sender
  const nodes = byAddress(cluster)
  /** Places of commands by the address that owns their slot, in order. */
  const places = Map.groupBy(commands.keys(), (i) => cluster.slots[slots[i]!]?.[0] ?? '')
  const outcomes = new Array<Outcome>(commands.length)
  const parts = [...places].map(async ([address, own]) => {
    const some = own.map((i) => commands[i]!)
    for (const [n, outcome] of (await sendTo(sender, nodes.get(address), some)).entries()) outcomes[own[n]!] = outcome
  })
  await Promise.all(parts)
  const followed = [...commands.keys()].filter((i) => isRedirected(outcomes[i]!))
  if (followed.length === 0) return outcomes
  const again = await outcomesOf(followed.map((i) => search(cluster, commands[i]!)))
  for (const [n, outcome] of again.entries()) outcomes[followed[n]!] = outcome
  return outcomes
}

const search = (cluster: Cluster, command: Command) => cluster.call(String(command[0]), ...command.slice(1))

function sendTo({ cluster, lines }: Sender, node: Redis | undefined, commands: readonly Command[]): Promise<Outcome[]> {
  if (node?.status !== 'ready') return outcomesOf(commands.map((command) => search(cluster, command)))
  const line = commands.length >= LINE_FROM ? lines.to(node) : null
  return line === null ? outcomesOf(callAll(node, commands)) : line.exchange(commands)
}

const isRedirected = (outcome: Outcome) =>
  outcome instanceof Error && /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(outcome.message)

/** Every address that owns slots, with the lowest of them. */
function mastersOf(cluster: Cluster, timeoutMs: number): RedisMaster[] {
  const lowest = new Map<string, number>()
  for (let slot = 0; slot < SLOTS; slot++) {
    const owner = cluster.slots[slot]?.[0]
    if (owner !== undefined && !lowest.has(owner)) lowest.set(owner, slot)
  }
  return [...lowest].map(([name, slot]) => ({
    name,
    slot,
    async pipeline(commands) {
      const node = byAddress(cluster).get(name)
      if (node === undefined) throw new RedisAwayError(`the redis node ${name} is gone`)
      // One that nobody has needed yet is connected to by its first command.
      const sent = node.status === 'ready' ? callAll(node, commands) : commands.map((command) => call(node, command))
      return repliesOf(commands, await withinTime(outcomesOf(sent), timeoutMs))
    },
  }))
}
