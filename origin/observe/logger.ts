/** Structured JSON logs: one line an event, secrets blacked out by name. */
import { type DestinationStream, type Level, type Logger, pino, stdSerializers } from 'pino'
import { isAway } from '../outages.ts'
import { sentenceOfOutage, withoutValues } from './sentence.ts'

export type { Logger } from 'pino'

export interface LoggerOptions {
  level: Level | 'silent'
  /** Where the lines go; standard output by default. Tests hand over a collector. */
  destination?: DestinationStream
}

/** Fields that never reach a log, at the top and one or two levels down. */
const SECRETS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'serviceToken',
  'secret',
  'secretAccessKey',
]

/** Header names come in lower case from Node and capitalised from people. */
const redacted = [...SECRETS, 'Authorization', 'Cookie'].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

type Said = ReturnType<typeof stdSerializers.errWithCause>

/**
 * An error as a log may hold it. A statement that failed names its parameters in its message, its stack and beside them. Of an
 * outage everybody who meets it says the same, for as long as it lasts: so without stacks and statements.
 */
function errorForLog(error: Error): Said | Outage {
  if (error instanceof Error && isAway(error)) return outage(error)
  const said = stdSerializers.errWithCause(error)
  return isSerialized(said) ? cut(said) : said
}

interface Outage {
  type: string
  message: string
  /** The innermost: an errno, a SQLSTATE. */
  code?: string
}

function outage(error: Error): Outage {
  const said: Outage = { type: error.constructor.name, message: sentenceOfOutage(error) }
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string') said.code = e.code
  }
  return said
}

/** Pino hands on as it is what is no error. */
const isSerialized = (said: unknown): said is Said => typeof said === 'object' && said !== null && 'stack' in said

function cut(said: Said): Said {
  const { params: _, ...kept } = said as Said & { params?: unknown }
  const cause: unknown = 'cause' in said ? said.cause : undefined
  return {
    ...kept,
    message: withoutValues(said.message),
    stack: withoutValues(said.stack),
    ...(isSerialized(cause) ? { cause: cut(cause) } : {}),
  } as Said
}

/** The process's logger. Children carry the request or the consumer that they speak for. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: redacted, censor: '[redacted]' },
    serializers: { err: errorForLog, error: errorForLog },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
