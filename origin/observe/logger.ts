/** Structured JSON logs: one line an event, secrets blacked out by name. */
import { type DestinationStream, type Level, type Logger, pino, stdSerializers } from 'pino'
import { withoutValues } from './sentence.ts'

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

/** An error as a log may hold it. A statement that failed names its parameters in its message, its stack and beside them. */
function errorWithoutValues(error: Error): Said {
  const said = stdSerializers.errWithCause(error)
  return isSerialized(said) ? cut(said) : said
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
    serializers: { err: errorWithoutValues, error: errorWithoutValues },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
