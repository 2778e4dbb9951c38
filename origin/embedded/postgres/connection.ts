import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  type ErrorFields,
  encodeError,
  encodeMessage,
  encodeReadyForQuery,
  encodeString,
  FrameReader,
  FramingError,
  readString,
} from './protocol.ts'
import type { Scheduler, Tenant } from './scheduler.ts'
import { type Settings, startupSettings } from './settings.ts'
import { StatementTranslator, type Unit } from './statements.ts'

export interface ConnectionOptions {
  readonly id: number
  /** Shown to the client, who repeats it in a cancel request. */
  readonly secret: number
  readonly scheduler: Scheduler
  /** ParameterStatus messages of the engine. */
  readonly parameters: Buffer
  /** Asked for in clear text when set. */
  readonly password: string | undefined
  readonly onCancel: (id: number, secret: number) => void
}

const PROTOCOL_3 = 3 << 16
const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
/** Longest message of a client: a parameter of this size is far beyond what this engine should be given. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
/** Units a client may send ahead before its socket is no longer read. */
const MAX_WAITING_UNITS = 64

type Phase = 'startup' | 'password' | 'open' | 'closed'

/** One client connection: the handshake, then units for the scheduler. */
export class Connection implements Tenant {
  readonly id: number
  readonly units: Unit[] = []
  readonly statements: StatementTranslator
  settings: Settings = new Map()
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #frames = new FrameReader(MAX_MESSAGE_BYTES)
  #phase: Phase = 'startup'
  #terminated = false
  #unit: Unit

  constructor(socket: Socket, options: ConnectionOptions) {
    this.id = options.id
    this.statements = new StatementTranslator(options.id)
    this.#unit = this.statements.begin()
    this.#socket = socket
    this.#options = options
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('drain', () => this.#resume())
    // A reset is followed by 'close', where everything is cleaned up.
    socket.on('error', () => {})
    socket.on('close', () => this.#leave())
  }

  get accepts(): boolean {
    return !this.#socket.writableNeedDrain
  }

  send(bytes: Buffer): void {
    if (this.#socket.writable && bytes.length > 0) this.#socket.write(bytes)
    if (this.units.length < MAX_WAITING_UNITS && this.#socket.isPaused()) this.#socket.resume()
  }

  terminate(error: ErrorFields): void {
    this.#phase = 'closed'
    if (this.#socket.writable) this.#socket.end(encodeError(error))
    this.#socket.destroySoon()
  }

  /** Gives up the oldest statement when it still waits for its turn. A running one cannot be interrupted. */
  cancel(secret: number): void {
    if (secret !== this.#options.secret || this.#options.scheduler.cancel(this) === undefined) return
    const message = 'canceling statement due to user request'
    this.send(Buffer.concat([encodeError({ severity: 'ERROR', code: '57014', message }), encodeReadyForQuery('I')]))
  }

  #receive(chunk: Buffer): void {
    if (this.#phase === 'closed') return
    try {
      this.#frames.push(chunk)
      for (;;) {
        const message = this.#frames.next(this.#phase !== 'startup')
        if (message === undefined) break
        this.#handle(message)
      }
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      this.terminate({ severity: 'FATAL', code: '08P01', message: error.message })
      return
    }
    if (this.units.length >= MAX_WAITING_UNITS) this.#socket.pause()
    this.#options.scheduler.submit(this)
  }

  #handle(message: Buffer): void {
    if (this.#phase === 'startup') this.#startup(message)
    else if (this.#phase === 'password') this.#checkPassword(message)
    else if (this.#phase === 'open') this.#gather(message)
  }

  #gather(message: Buffer): void {
    if (!this.statements.add(this.#unit, message)) return
    if (this.#unit.end === 'X') {
      // What was asked for before the farewell still runs.
      this.#phase = 'closed'
      this.#terminated = true
      this.#socket.end()
      return
    }
    this.units.push(this.#unit)
    this.#unit = this.statements.begin()
  }

  #startup(message: Buffer): void {
    const code = message.length >= 8 ? message.readInt32BE(4) : 0
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.#socket.write('N')
    else if (code === CANCEL_REQUEST && message.length >= 16) {
      this.#options.onCancel(message.readInt32BE(8), message.readInt32BE(12))
      this.#phase = 'closed'
      this.#socket.end()
    } else if (code >>> 16 === PROTOCOL_3 >>> 16) this.#login(readParameters(message), code)
    else throw new FramingError(`unsupported frontend protocol ${code >>> 16}.${code & 0xffff}`)
  }

  #login(parameters: Map<string, string>, protocol: number): void {
    const user = parameters.get('user') ?? ''
    const database = parameters.get('database') ?? user
    if (user !== 'postgres') {
      this.#refuse('28000', `role "${user}" does not exist`)
      return
    }
    if (database !== 'postgres') {
      this.#refuse('3D000', `database "${database}" does not exist`)
      return
    }
    // A newer minor version is answered with the one that is spoken (NegotiateProtocolVersion).
    if (protocol !== PROTOCOL_3) this.#socket.write(encodeMessage('v', Buffer.from([0, 3, 0, 0, 0, 0, 0, 0])))
    this.settings = startupSettings(parameters)
    if (this.#options.password === undefined) this.#open()
    else {
      this.#phase = 'password'
      this.#socket.write(encodeMessage('R', Buffer.from([0, 0, 0, 3])))
    }
  }

  #checkPassword(message: Buffer): void {
    const presented = message[0] === 0x70 ? readString(message, 5) : ''
    if (timingSafeEqual(digest(presented), digest(this.#options.password ?? ''))) this.#open()
    else this.#refuse('28P01', 'password authentication failed for user "postgres"')
  }

  #open(): void {
    const { id, secret, parameters, scheduler } = this.#options
    this.#phase = 'open'
    scheduler.join(this)
    const key = Buffer.alloc(8)
    key.writeInt32BE(id, 0)
    key.writeInt32BE(secret, 4)
    const ok = encodeMessage('R', Buffer.alloc(4))
    this.send(Buffer.concat([ok, parameters, encodeMessage('K', key), encodeReadyForQuery('I')]))
  }

  #refuse(code: string, message: string): void {
    this.terminate({ severity: 'FATAL', code, message })
  }

  #resume(): void {
    this.#options.scheduler.submit(this)
  }

  #leave(): void {
    this.#phase = 'closed'
    // A client that died has nobody who waits for the statements that have not begun.
    if (!this.#terminated) this.units.length = 0
    this.#options.scheduler.leave(this)
  }
}

function readParameters(message: Buffer): Map<string, string> {
  const parameters = new Map<string, string>()
  for (let at = 8; at < message.length && message[at] !== 0; ) {
    const name = readString(message, at)
    at += Buffer.byteLength(name) + 1
    const value = readString(message, at)
    at += Buffer.byteLength(value) + 1
    parameters.set(name, value)
  }
  return parameters
}

function digest(text: string): Buffer {
  return createHash('sha256').update(encodeString(text)).digest()
}
