/**
 * What a command answers, before it is put on the wire or handed to a script.
 *
 * Bulk strings are JavaScript strings in latin1 ("binary") form: one code unit is one byte, so that keys and values are binary-safe,
 * compare bytewise with `<` and stay one byte per character in V8.
 */
export type Reply =
  | string
  | number
  | bigint
  | null
  | Status
  | ReplyError
  | typeof NIL_ARRAY
  | typeof NO_REPLY
  | readonly Reply[]

/** A simple string (`+OK`). */
export class Status {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** An error reply; the message begins with its code (`ERR …`, `WRONGTYPE …`). Commands throw it, EXEC and scripts carry it as a value. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

/** The null array (`*-1`): an aborted EXEC. */
export const NIL_ARRAY = Symbol('nil array')
/** The command has written its own replies (SUBSCRIBE and its like). */
export const NO_REPLY = Symbol('no reply')

export const OK = new Status('OK')
export const QUEUED = new Status('QUEUED')

/** The real server's error texts, word for word: clients and scripts match on them. */
export const errors = {
  wrongType: () => new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value'),
  syntax: () => new ReplyError('ERR syntax error'),
  notInteger: () => new ReplyError('ERR value is not an integer or out of range'),
  notFloat: () => new ReplyError('ERR value is not a valid float'),
  outOfRange: () => new ReplyError('ERR value is out of range'),
  notPositive: () => new ReplyError('ERR value is out of range, must be positive'),
  noSuchKey: () => new ReplyError('ERR no such key'),
  indexOutOfRange: () => new ReplyError('ERR index out of range'),
  offsetOutOfRange: () => new ReplyError('ERR offset is out of range'),
  overflow: () => new ReplyError('ERR increment or decrement would overflow'),
  notANumberResult: () => new ReplyError('ERR increment would produce NaN or Infinity'),
  stringTooLong: () => new ReplyError('ERR string exceeds maximum allowed size (proto-max-bulk-len)'),
  invalidExpire: (command: string) => new ReplyError(`ERR invalid expire time in '${command}' command`),
  invalidCursor: () => new ReplyError('ERR invalid cursor'),
  arity: (command: string) => new ReplyError(`ERR wrong number of arguments for '${command}' command`),
  unknownSubcommand: (command: string, sub: string) =>
    new ReplyError(`ERR unknown subcommand '${sub}'. Try ${command.toUpperCase()} HELP.`),
}
