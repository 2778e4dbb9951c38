/** The answers of single commands, as they stand in a pipeline's JSON. */
import type { Answer } from '../answer.ts'
import { GatewayError } from '../errors.ts'

/** `{"result":…}` or `{"error":…}` as bytes; or why there is none, from the gateway itself. */
export type Entry = Buffer | GatewayError

const E = 0x65

/** Every entry is `{"result"` or `{"error"`: the third byte tells. */
const isFailed = (entry: Entry): boolean => entry instanceof GatewayError || entry[2] === E

export const errorEntry = (text: string): Buffer => Buffer.from(JSON.stringify({ error: text }))

/** Cuts an answer into its entries. */
export function entriesOf({ body, ends }: Answer): Buffer[] {
  if (ends === undefined) return [body]
  let start = 1
  return ends.map((end) => {
    const entry = body.subarray(start, end)
    start = end + 1
    return entry
  })
}

/** Joins entries to the answer of one command or of a pipeline. @throws {GatewayError} when there is nothing else to say */
export function joined(form: 'one' | 'pipeline', entries: readonly Entry[], replyBytes: number): Answer {
  const [first] = entries
  if (first instanceof GatewayError && entries.every((entry) => entry instanceof GatewayError)) throw first
  const bodies = entries.map((entry) => (entry instanceof GatewayError ? errorEntry(partly(entry)) : entry))
  const failed = bodies.filter(isFailed).length
  const body = form === 'one' ? bodies[0]! : list(bodies)
  if (body.length > replyBytes) {
    const tooLong = errorEntry(`ERR answer is longer than ${replyBytes} bytes`)
    return { status: 507, body: tooLong, commands: entries.length, failed }
  }
  return { status: form === 'one' && failed > 0 ? 400 : 200, body, commands: entries.length, failed }
}

/** Other nodes have answered. Redis' own word for a slot that cannot be reached tells a client that this is an outage. */
const partly = ({ status, message }: GatewayError): string =>
  status === 507 ? message : `CLUSTERDOWN ${message.replace(/^ERR /, '')}`

function list(entries: readonly Buffer[]): Buffer {
  const length = entries.reduce((sum, entry) => sum + entry.length + 1, 1)
  const body = Buffer.allocUnsafe(length)
  let at = 0
  for (const entry of entries) {
    body[at] = at === 0 ? 0x5b : 0x2c
    at += 1 + entry.copy(body, at + 1)
  }
  body[at] = 0x5d
  return body
}

/** What a node says instead of executing a command whose keys are not there, or not all there. */
export type Redirect = { kind: 'moved' | 'ask'; slot: number; address: string } | { kind: 'later' }

const REDIRECT = /^\{"error":"(?:(MOVED|ASK) (\d+) ([^ "]*):(\d+)|TRYAGAIN )/

/** @param asked address of the node that answered: one without a name of its own is at the same host */
export function redirectOf(entry: Entry, asked: string): Redirect | null {
  if (entry instanceof GatewayError || !isFailed(entry)) return null
  const match = REDIRECT.exec(entry.toString('latin1', 0, 200))
  if (match === null) return null
  const [, word, slot, host, port] = match
  if (word === undefined) return { kind: 'later' }
  const address = `${host || asked.slice(0, asked.lastIndexOf(':'))}:${port}`
  return { kind: word === 'ASK' ? 'ask' : 'moved', slot: Number(slot), address }
}
