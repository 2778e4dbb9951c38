import { badRequest } from './errors.ts'
import type { Command } from './resp.ts'

/**
 * Reads the body of `POST /`: one command as a JSON array.
 *
 * @throws {GatewayError} 400 when the body is not one
 */
export function parseCommand(body: Buffer): Command {
  const text = body.toString()
  const parsed = parseJson(text, 'ERR failed to parse command')
  if (!isCommand(parsed)) throw badRequest('ERR failed to parse command: a JSON array with a command name is expected')
  return isText(parsed) ? parsed : textCommands([exactNumbers(text)])[0]!
}

/**
 * Reads the body of `POST /pipeline` and `POST /multi-exec`: a JSON array of commands.
 *
 * @throws {GatewayError} 400 when the body is not one, or holds more than `most` commands
 */
export function parsePipeline(body: Buffer, most: number): readonly Command[] {
  const text = body.toString()
  const parsed = parseJson(text, 'ERR failed to parse pipeline request')
  if (!Array.isArray(parsed) || !parsed.every(isCommand))
    throw badRequest('ERR failed to parse pipeline request: a JSON array of commands is expected')
  if (parsed.length === 0) throw badRequest('ERR empty pipeline request')
  if (parsed.length > most) throw badRequest(`ERR too many commands in one request: ${parsed.length}, at most ${most}`)
  return parsed.every(isText) ? parsed : textCommands(exactNumbers(text) as unknown[])
}

/**
 * Reads a command from the path form, `/set/<key>?EX=100&NX` with the value as the body: path segments, then the body,
 * then the query's names and values, without `_token`.
 *
 * @param path the path below the prefix, still percent-encoded
 * @param query the query string without `?`
 * @throws {GatewayError} 400 when the path holds no command or is not valid percent-encoding
 */
export function parsePath(path: string, query: string, body: Buffer): Command {
  const command: (string | Buffer)[] = path.split('/').slice(1).map(decodeSegment)
  // Only an argument may be empty (`/set/key/`): the name may not.
  if (!command[0]) throw badRequest('ERR empty command')
  if (body.length > 0) command.push(body)
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === '_token') continue
    command.push(name)
    if (value !== '') command.push(value)
  }
  return command
}

/** Decodes one path segment. A plus sign is itself here, as it is in every path. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw badRequest(`ERR not a valid percent-encoding: ${segment}`)
  }
}

function parseJson(text: string, failure: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(failure)
  }
}

function isCommand(value: unknown): value is unknown[] {
  return Array.isArray(value) && typeof value[0] === 'string' && value[0] !== ''
}

function isText(command: unknown[]): command is string[] {
  for (const argument of command) if (typeof argument !== 'string' && !isExact(argument)) return false
  for (let i = 0; i < command.length; i++) if (typeof command[i] !== 'string') command[i] = String(command[i])
  return true
}

/** Whether JSON.parse gave back exactly what the text said, so that String() of it is the text again. */
function isExact(argument: unknown): boolean {
  return typeof argument === 'boolean' || (Number.isSafeInteger(argument) && !Object.is(argument, -0))
}

/** A number outside a double's exact range, kept as it was written. */
class NumberSource {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Parses again, keeping the text of every number: 12345678901234567890 and 1.10 reach Redis as they were written. */
function exactNumbers(text: string): unknown {
  const keepSource = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined ? new NumberSource(context.source) : value
  return JSON.parse(text, keepSource as (key: string, value: unknown) => unknown)
}

function textCommands(commands: unknown[]): Command[] {
  return (commands as unknown[][]).map((command) => command.map(argumentText))
}

function argumentText(argument: unknown): string {
  if (typeof argument === 'string') return argument
  if (argument instanceof NumberSource) return argument.text
  if (typeof argument === 'boolean' || typeof argument === 'number') return String(argument)
  if (argument === null) throw badRequest('ERR null args are not supported')
  // The SDK stringifies objects before it sends them; other clients may leave that to us.
  return JSON.stringify(unwrapNumbers(argument))
}

/** Objects hold parsed numbers again: their text goes through JSON.stringify like any other. */
function unwrapNumbers(value: unknown): unknown {
  if (value instanceof NumberSource) return Number(value.text)
  if (Array.isArray(value)) return value.map(unwrapNumbers)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrapNumbers(inner)]))
}
