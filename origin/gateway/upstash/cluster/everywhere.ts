/** Commands without a key that concern every node, and how the nodes' answers become one. */
import { SLOTS } from '#core/redis-slots.ts'
import { badRequest, GatewayError } from '../errors.ts'
import { nameOf } from '../policy.ts'
import { type Command, encodeCommands } from '../resp.ts'
import { type Entry, errorEntry } from './entries.ts'
import type { ClusterNodes } from './nodes.ts'

/** Makes one result of those of all masters, which come in the order of their slots. */
type Merge = (results: readonly unknown[]) => unknown

const firstReply: Merge = ([first]) => first
const sum: Merge = (results) => results.reduce<number>((total, result) => total + Number(result), 0)
const concat: Merge = (results) => results.flat()
/** A script is there when every node has it. */
const allHave: Merge = (results) => {
  const [first, ...others] = results as number[][]
  return first?.map((has, i) => (has === 1 && others.every((other) => other[i] === 1) ? 1 : 0))
}
const firstKey: Merge = (results) => results.find((result) => result !== null) ?? null

const MERGES: Readonly<Record<string, Merge>> = {
  DBSIZE: sum,
  FLUSHALL: firstReply,
  FLUSHDB: firstReply,
  FUNCTION: firstReply,
  KEYS: concat,
  RANDOMKEY: firstKey,
  SCRIPT: firstReply,
}

/** Whether a command goes to every master, or, as SCAN does, to one after the other. */
export const concernsAll = (command: Command): boolean => {
  const name = nameOf(command)
  return name === 'SCAN' || MERGES[name] !== undefined
}

export async function entryOfAll(
  nodes: ClusterNodes,
  command: Command,
  { base64, random }: { base64: boolean; random: () => number },
): Promise<Entry> {
  const name = nameOf(command)
  if (name === 'SCAN') return scan(nodes, command, base64)
  const entries = await Promise.all(nodes.masters.map(({ address }) => entryAt(nodes, address, command, base64)))
  const failure = entries.find((entry) => entry instanceof GatewayError)
  if (failure !== undefined) return failure
  const answers = entries.map((entry) => JSON.parse(entry.toString()) as { result: unknown; error?: string })
  const refused = answers.find(({ error }) => error !== undefined)
  if (refused !== undefined) return errorEntry(refused.error!)
  const merge = name === 'SCRIPT' && String(command[1]).toUpperCase() === 'EXISTS' ? allHave : MERGES[name]!
  const results = answers.map(({ result }) => result)
  // Any of them may come first where the first that has one decides.
  const start = merge === firstKey ? Math.floor(random() * results.length) : 0
  return Buffer.from(JSON.stringify({ result: merge([...results.slice(start), ...results.slice(0, start)]) }))
}

async function entryAt(nodes: ClusterNodes, address: string, command: Command, base64: boolean): Promise<Entry> {
  try {
    const exchange = { wire: encodeCommands([command]), form: 'one' as const, base64, replies: 1 }
    return (await nodes.at(address).pipeline(exchange)).body
  } catch (error) {
    return nodes.failure(error)
  }
}

/**
 * SCAN goes through the masters in the order of their slots. The cursor that a client sees is the node's own times 16,384,
 * plus the lowest slot of the node: whoever owns that slot by then goes on.
 */
async function scan(nodes: ClusterNodes, [name, cursor, ...options]: Command, base64: boolean): Promise<Entry> {
  const slots = BigInt(SLOTS)
  if (!/^\d{1,25}$/.test(String(cursor))) return errorEntry('ERR invalid cursor')
  const given = BigInt(String(cursor))
  const at = Number(given % slots)
  const address = given === 0n ? nodes.masters[0]?.address : nodes.ownerOf(at)
  if (address === undefined) return badRequest('ERR invalid cursor')
  const entry = await entryAt(nodes, address, [name!, String(given / slots), ...options], base64)
  if (entry instanceof GatewayError) return entry
  const answer = JSON.parse(entry.toString()) as { result?: [string, unknown[]] }
  if (answer.result === undefined) return entry
  const own = BigInt(base64 ? Buffer.from(answer.result[0], 'base64').toString() : answer.result[0])
  const next = nodes.masters.find(({ slot }) => slot > at)?.slot
  const further = own !== 0n ? own * slots + BigInt(at) : BigInt(next ?? 0)
  const text = String(further)
  return Buffer.from(
    JSON.stringify({ result: [base64 ? Buffer.from(text).toString('base64') : text, answer.result[1]] }),
  )
}
