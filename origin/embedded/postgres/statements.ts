import { createHash } from 'node:crypto'
import { encodeMessage, encodeString, FramingError, readString } from './protocol.ts'

/** What one flight of frontend messages wants of the shared backend, and how it has to be said there. */
export interface Unit {
  readonly messages: Buffer[]
  /** The statement may change settings in a way that no command tag shows. */
  changesSettings: boolean
  /** The unit uses an unnamed statement that was parsed in an earlier unit. */
  usesEarlierUnnamed: boolean
  parsesUnnamed: boolean
  unlistens: boolean
  /** The message type that closed the unit: Sync, Query, Flush, FunctionCall or Terminate. */
  end: string
}

/** Postgres keys prepared statements by the first 63 bytes of their name. */
const MAX_NAME_BYTES = 63
const SESSION_LOCK = /\bpg_(?:try_)?advisory_lock/i
const SET_CONFIG = /\bset_config\s*\(/i
const LISTEN = /(?:^|;)\s*(un)?listen\s+("(?:[^"]|"")+"|[\w$]+|\*)/gi

/**
 * A statement that fails with the reason in its message. All connections are one backend, so that a session-level
 * advisory lock would be granted to everybody: an error is better than a lock that does not lock.
 */
const REFUSE_SESSION_LOCK =
  "SELECT 'session-level advisory locks do not exclude anybody on the embedded engine, use pg_advisory_xact_lock'::int"

/** Ends a COPY FROM STDIN, which would otherwise wait for data and end the engine. Ignored in every other state. */
const COPY_FAIL = encodeMessage('f', encodeString('COPY FROM STDIN is not supported by the embedded engine'))

/**
 * Translates the messages of one connection for a backend that it shares with others: prepared statements get names of
 * their own, and what a shared backend cannot do is refused.
 */
export class StatementTranslator {
  readonly #prefix: string
  /** Parse messages by the client's name, so that statements can be restored. */
  readonly #parsed = new Map<string, Buffer>()
  readonly channels = new Set<string>()
  #namedChangesSettings = false

  constructor(sessionId: number) {
    this.#prefix = `${sessionId}:`
  }

  /** An empty unit, to be filled message by message. */
  begin(): Unit {
    const changesSettings = this.#namedChangesSettings
    return { messages: [], changesSettings, usesEarlierUnnamed: false, parsesUnnamed: false, unlistens: false, end: '' }
  }

  /**
   * Adds one message to the unit.
   * @returns whether the unit is complete and can run
   * @throws {FramingError} when the message is of no known type
   */
  add(unit: Unit, message: Buffer): boolean {
    const type = String.fromCharCode(message[0]!)
    if (type === 'P') this.#addParse(unit, message)
    else if (type === 'B') this.#addBind(unit, message)
    else if (type === 'D' || type === 'C') this.#addDescribeOrClose(unit, message, type)
    else if (type === 'E') unit.messages.push(message, COPY_FAIL)
    else if (type === 'Q') this.#addQuery(unit, message)
    else if ('SHF'.includes(type)) unit.messages.push(message)
    // Copy data answers a COPY that has been refused: there is nothing left to copy into. Terminate is no statement.
    else if (!'dcfX'.includes(type)) throw new FramingError(`invalid frontend message type ${message[0]}`)
    if (!'QSHFX'.includes(type)) return false
    unit.end = type
    return true
  }

  /** The Parse message of the unnamed statement, for a backend where another connection has replaced it. */
  get unnamed(): Buffer | undefined {
    return this.#parsed.get('')
  }

  /** All Parse messages, for a backend that has forgotten its prepared statements (DISCARD ALL of another connection). */
  parseMessages(): Buffer[] {
    return [...this.#parsed.values()]
  }

  /** Close messages for all named statements. */
  closeMessages(): Buffer[] {
    const names = [...this.#parsed.keys()].filter((name) => name !== '')
    return names.map((name) => encodeMessage('C', encodeString(`S${this.#shared(name)}`)))
  }

  /** Forgets the statements after this connection's own DISCARD ALL or DEALLOCATE ALL. */
  forget(): void {
    this.#parsed.clear()
    this.#namedChangesSettings = false
  }

  #addParse(unit: Unit, message: Buffer): void {
    const name = readString(message, 5)
    const sqlStart = 5 + Buffer.byteLength(name) + 1
    const sql = readString(message, sqlStart)
    const rest = SESSION_LOCK.test(sql)
      ? Buffer.concat([encodeString(REFUSE_SESSION_LOCK), Buffer.from([0, 0])])
      : message.subarray(sqlStart)
    this.#inspect(unit, sql)
    if (name === '') unit.parsesUnnamed = true
    else if (unit.changesSettings) this.#namedChangesSettings = true
    const parse = encodeMessage('P', Buffer.concat([encodeString(this.#shared(name)), rest]))
    this.#parsed.set(name, parse)
    unit.messages.push(parse)
  }

  #addQuery(unit: Unit, message: Buffer): void {
    const sql = readString(message, 5)
    this.#inspect(unit, sql)
    // The simple protocol drops the unnamed statement.
    this.#parsed.delete('')
    unit.parsesUnnamed = true
    const refused = SESSION_LOCK.test(sql)
    unit.messages.push(refused ? encodeMessage('Q', encodeString(REFUSE_SESSION_LOCK)) : message, COPY_FAIL)
  }

  #addBind(unit: Unit, message: Buffer): void {
    const portalEnd = message.indexOf(0, 5) + 1
    if (portalEnd === 0) throw new FramingError('malformed Bind message')
    const name = readString(message, portalEnd)
    this.#noteUse(unit, name)
    if (name === '') {
      unit.messages.push(message)
      return
    }
    const rest = message.subarray(portalEnd + Buffer.byteLength(name) + 1)
    const renamed = [message.subarray(5, portalEnd), encodeString(this.#shared(name)), rest]
    unit.messages.push(encodeMessage('B', Buffer.concat(renamed)))
  }

  #addDescribeOrClose(unit: Unit, message: Buffer, type: 'D' | 'C'): void {
    const name = readString(message, 6)
    const isStatement = message[5] === 0x53
    if (isStatement && type === 'D') this.#noteUse(unit, name)
    if (isStatement && type === 'C') this.#parsed.delete(name)
    if (!isStatement || name === '') unit.messages.push(message)
    else unit.messages.push(encodeMessage(type, encodeString(`S${this.#shared(name)}`)))
  }

  #noteUse(unit: Unit, name: string): void {
    if (name === '' && !unit.parsesUnnamed) unit.usesEarlierUnnamed = true
  }

  /** Reads from the text what the answer does not tell. */
  #inspect(unit: Unit, sql: string): void {
    if (SET_CONFIG.test(sql)) unit.changesSettings = true
    if (!/listen/i.test(sql)) return
    for (const [, un, identifier] of sql.matchAll(LISTEN)) {
      const channel = channelName(identifier!)
      if (un === undefined) this.channels.add(channel)
      else {
        unit.unlistens = true
        if (channel === '*') this.channels.clear()
        else this.channels.delete(channel)
      }
    }
  }

  #shared(name: string): string {
    if (name === '') return ''
    const shared = this.#prefix + name
    if (Buffer.byteLength(shared) <= MAX_NAME_BYTES) return shared
    return this.#prefix + createHash('sha256').update(name).digest('hex').slice(0, 40)
  }
}

function channelName(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier.toLowerCase()
}
