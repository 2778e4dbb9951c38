/** Structured JSON logs: one line an event, secrets blacked out by name. */
import { type DestinationStream, type Level, type Logger, pino, stdSerializers } from 'pino'

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

/** The process's logger. Children carry the request or the consumer that they speak for. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: redacted, censor: '[redacted]' },
    serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
