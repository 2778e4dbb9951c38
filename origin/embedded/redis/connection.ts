import type { Socket } from 'node:net'
import type { Client, Engine, WatchedKey } from './command.ts'
import { type Reply, ReplyError } from './reply.ts'
import { encode, ProtocolError, RequestParser } from './resp.ts'

/** Replies are handed to the socket in pieces of about this size. */
const FLUSH_CHARS = 256 * 1024
/** A subscriber or monitor that reads so slowly that this much waits for it is dropped. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024

/** One client's socket: cuts requests, runs them in order, writes replies in batches. */
export class Connection implements Client {
  readonly id: number
  readonly connectedAt: number
  readonly address: string
  readonly scripted = false
  name = ''
  library: Record<string, string> = {}
  db = 0
  transaction: string[][] | undefined
  transactionFailed = false
  watched: WatchedKey[] = []
  watchBroken = false
  channels = new Set<string>()
  patterns = new Set<string>()
  monitoring = false
  readonly #socket: Socket
  readonly #engine: Engine
  readonly #parser = new RequestParser()
  #out = ''
  #flushing = false
  #ended = false

  constructor(socket: Socket, engine: Engine, id: number) {
    this.#socket = socket
    this.#engine = engine
    this.id = id
    this.connectedAt = engine.clock()
    this.address = `${socket.remoteAddress}:${socket.remotePort}`
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('drain', () => socket.resume())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#ended = true
      engine.clients.delete(this)
    })
  }

  push(reply: Reply): void {
    if (this.#ended) return
    if (this.#socket.writableLength > MAX_WAITING_BYTES) {
      this.#socket.destroy()
      return
    }
    this.#out += encode(reply)
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  quit(): void {
    // The reply to QUIT itself still has to be written.
    queueMicrotask(() => {
      this.#flush()
      this.#end()
    })
  }

  /** Ends the connection without waiting for the client. */
  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#flushing = true
    try {
      this.#parser.push(chunk, (argv) => this.#answer(argv))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#out += encode(new ReplyError(`ERR ${error.message}`))
      this.#flush()
      this.#end()
      return
    }
    this.#flush()
  }

  #answer(argv: string[]): void {
    if (this.#ended) return
    const reply = this.#engine.execute(this, argv)
    this.#out += encode(reply)
    if (argv.length === 1 && argv[0]!.toLowerCase() === 'quit') this.#ended = true
    if (this.#out.length > FLUSH_CHARS) this.#write()
  }

  #flush(): void {
    this.#flushing = false
    this.#write()
  }

  #write(): void {
    if (this.#out === '' || this.#socket.destroyed) return
    const keepsUp = this.#socket.write(this.#out, 'latin1')
    this.#out = ''
    if (!keepsUp) this.#socket.pause()
  }

  #end(): void {
    this.#ended = true
    this.#socket.end()
  }
}
