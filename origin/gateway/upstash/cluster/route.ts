/** Commands to the nodes that own their slots, and after them when slots move. */
import { setTimeout as delay } from 'node:timers/promises'
import { commandSlot } from '#core/redis-slots.ts'
import type { Answer } from '../answer.ts'
import { exchangeOf, type RedisRequest } from '../backend.ts'
import type { ServerConnection } from '../connection.ts'
import { badRequest, GatewayError, redisAway } from '../errors.ts'
import { type Command, encodeCommands } from '../resp.ts'
import { type Entry, entriesOf, errorEntry, redirectOf } from './entries.ts'
import { concernsAll } from './everywhere.ts'
import type { ClusterNodes } from './nodes.ts'

/** Redis' own words, as the vendor gives them. */
export const CROSSSLOT = "CROSSSLOT Keys in request don't hash to the same slot"

/** How often one command is sent after its slot. A slot moves once; more is a cluster that is still making up its mind. */
const ROUNDS = 6
/** Before a command whose keys are on two nodes while their slot moves is sent again; twice as long each time. */
const PAUSE_MS = 10
/** A node that was just heard of is connected to within this long, or counts as away. */
const CONNECT_MS = 500

/** The node that all these commands go to; null: to more than one. Without a key, any node will do. @throws {GatewayError} 503 */
export function soleOwner(nodes: ClusterNodes, commands: readonly Command[]): string | null {
  let owner: string | undefined
  for (const command of commands) {
    const slot = commandSlot(command)
    if (slot === 'several' || (slot === 'none' && concernsAll(command))) return null
    if (slot === 'none') continue
    const own = nodes.ownerOf(slot)
    if (own === undefined) return null
    if (owner === undefined) owner = own
    else if (owner !== own) return null
  }
  const sole = owner ?? nodes.masters[0]?.address
  if (sole === undefined) throw redisAway()
  return sole
}

interface Routed {
  index: number
  command: Command
  address: string
  /** The slot is moving there: the node takes the command only after ASKING. */
  asking: boolean
}

/** Executes single commands, each for itself, and answers their entries in the order asked. */
export async function entriesFor(nodes: ClusterNodes, commands: readonly Command[], base64: boolean): Promise<Entry[]> {
  const entries = new Array<Entry>(commands.length)
  const waiting = commands.flatMap((command, index): Routed[] => {
    const slot = commandSlot(command)
    if (slot === 'several') entries[index] = errorEntry(CROSSSLOT)
    const address = typeof slot === 'number' ? nodes.ownerOf(slot) : nodes.masters[0]?.address
    if (slot !== 'several' && address === undefined) entries[index] = redisAway()
    return slot === 'several' || address === undefined ? [] : [{ index, command, address, asking: false }]
  })
  await sendRound(nodes, waiting, base64, entries)
  await follow(nodes, waiting, base64, entries)
  return entries
}

/** Sends what was redirected again, until it is answered or the rounds are over, and puts the answers into their places. */
async function follow(nodes: ClusterNodes, sent: readonly Routed[], base64: boolean, entries: Entry[]): Promise<void> {
  let waiting = sent
  for (let round = 0; round < ROUNDS; round++) {
    waiting = await redirected(nodes, waiting, entries, PAUSE_MS * 2 ** round)
    if (waiting.length === 0) return
    await sendRound(nodes, waiting, base64, entries)
  }
}

/** Those that have to be sent again, in their order, when it is time. */
async function redirected(
  nodes: ClusterNodes,
  sent: readonly Routed[],
  entries: readonly Entry[],
  pauseMs: number,
): Promise<Routed[]> {
  let mustWait = false
  const again = sent.flatMap((routed): Routed[] => {
    const redirect = redirectOf(entries[routed.index]!, routed.address)
    if (redirect === null) return []
    if (redirect.kind === 'moved') nodes.moved(redirect.slot, redirect.address)
    if (redirect.kind !== 'later') return [{ ...routed, address: redirect.address, asking: redirect.kind === 'ask' }]
    mustWait = true
    return [routed]
  })
  if (mustWait) await delay(pauseMs)
  return again
}

/** One exchange a node. */
async function sendRound(
  nodes: ClusterNodes,
  all: readonly Routed[],
  base64: boolean,
  entries: Entry[],
): Promise<void> {
  const groups = Map.groupBy(all, ({ address }) => address)
  await Promise.all(
    [...groups].map(async ([address, group]) => {
      const answered = await entriesAt(nodes, address, group, base64)
      for (const [n, { index }] of group.entries()) entries[index] = answered[n]!
    }),
  )
}

async function entriesAt(
  nodes: ClusterNodes,
  address: string,
  group: readonly Routed[],
  base64: boolean,
): Promise<readonly Entry[]> {
  // ASKING is answered like any command; its entries are left out again.
  const commands = group.flatMap(({ command, asking }) => (asking ? [ASKING, command] : [command]))
  try {
    const node = await reachable(nodes, address)
    const wire = encodeCommands(commands)
    const answer = await node.pipeline({ wire, form: 'pipeline', base64, replies: commands.length, marksEnds: true })
    if (answer.status !== 200) throw new GatewayError(answer.status, errorOf(answer))
    return entriesOf(answer).filter((_, i) => commands[i] !== ASKING)
  } catch (error) {
    const failure = nodes.failure(error)
    return group.map(() => failure)
  }
}

const ASKING: Command = ['ASKING']

const errorOf = ({ body }: Answer): string => (JSON.parse(body.toString()) as { error: string }).error

async function reachable(nodes: ClusterNodes, address: string): Promise<ServerConnection> {
  const node = nodes.at(address)
  if (!node.ready) await Promise.race([node.tried, delay(CONNECT_MS)])
  return node
}

/**
 * Executes a request whose commands all go to one node, as one exchange. Nearly every request is one: its answer is handed
 * on as it comes, unless the node had not all of the keys.
 */
export async function runAt(nodes: ClusterNodes, request: RedisRequest, address: string): Promise<Answer | Entry[]> {
  const { commands, base64, form } = request
  const exchange = { ...exchangeOf(request), marksEnds: form === 'pipeline' }
  const answer = await nodes
    .at(address)
    .pipeline(exchange)
    .catch((error: unknown) => {
      throw nodes.failure(error)
    })
  if (answer.failed === 0 || answer.status === 507) return answer
  const entries: Entry[] = entriesOf(answer)
  if (!entries.some((entry) => redirectOf(entry, address) !== null)) return answer
  const sent = commands.map((command, index) => ({ index, command, address, asking: false }))
  await follow(nodes, sent, base64, entries)
  return entries
}

/** Executes a transaction, which one node must be able to. @throws {GatewayError} 400 when its keys lie in several slots */
export async function transact(nodes: ClusterNodes, request: RedisRequest): Promise<Answer> {
  const slots = new Set(request.commands.map(commandSlot).filter((slot) => slot !== 'none'))
  if (slots.size > 1 || slots.has('several')) throw badRequest(CROSSSLOT)
  const [slot] = slots
  let address = typeof slot === 'number' ? nodes.ownerOf(slot) : nodes.masters[0]?.address
  let asking = false
  for (let round = 0; ; round++) {
    if (address === undefined) throw redisAway()
    const answer = await transactAt(nodes, request, address, asking)
    // Discarded as a whole: nothing was executed, whichever of its commands was redirected.
    const redirect = answer.status === 400 ? redirectOf(answer.body, address) : null
    if (redirect === null || round === ROUNDS) return answer
    if (redirect.kind === 'later') await delay(PAUSE_MS * 2 ** round)
    else {
      if (redirect.kind === 'moved') nodes.moved(redirect.slot, redirect.address)
      address = redirect.address
      asking = redirect.kind === 'ask'
    }
  }
}

async function transactAt(
  nodes: ClusterNodes,
  request: RedisRequest,
  address: string,
  asking: boolean,
): Promise<Answer> {
  // Asked for before MULTI, ASKING holds until EXEC.
  const commands = [...(asking ? [ASKING] : []), ['MULTI'], ...request.commands, ['EXEC']]
  const exchange = { wire: encodeCommands(commands), form: 'transaction' as const, base64: request.base64 }
  try {
    const node = await reachable(nodes, address)
    return await node.pipeline({ ...exchange, replies: commands.length })
  } catch (error) {
    throw nodes.failure(error)
  }
}
