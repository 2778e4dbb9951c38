import { connect, type Socket } from 'node:net'

/** A reply as it stood on the wire, with its RESP2 type; bulk strings as latin1 text. */
export type RawReply =
  | { status: string }
  | { error: string }
  | number
  | bigint
  | string
  | null
  | 'NIL ARRAY'
  | RawReply[]

interface Cursor {
  at: number
}

/** Too few bytes for a whole reply. */
const INCOMPLETE = Symbol('incomplete')

/** A RESP2 client that shows everything: types, null kinds, bytes. For comparing servers. */
export class RawClient {
  readonly #socket: Socket
  #received = ''
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1')
      this.#wake?.()
    })
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawClient(socket)))
      socket.once('error', reject)
    })
  }

  /** Sends all commands at once and waits for as many replies. */
  async pipeline(commands: readonly (readonly string[])[]): Promise<RawReply[]> {
    const request = commands.map((argv) => `*${argv.length}\r\n${argv.map((a) => `$${a.length}\r\n${a}\r\n`).join('')}`)
    this.write(request.join(''))
    const replies: RawReply[] = []
    while (replies.length < commands.length) replies.push(await this.next())
    return replies
  }

  write(bytes: string): void {
    this.#socket.write(bytes, 'latin1')
  }

  /** The next reply or message. */
  async next(): Promise<RawReply> {
    for (;;) {
      const cursor = { at: 0 }
      const reply = decode(this.#received, cursor)
      if (reply !== INCOMPLETE) {
        this.#received = this.#received.slice(cursor.at)
        return reply
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

function decode(text: string, cursor: Cursor): RawReply | typeof INCOMPLETE {
  const end = text.indexOf('\r\n', cursor.at)
  if (end < 0) return INCOMPLETE
  const kind = text[cursor.at]
  const line = text.slice(cursor.at + 1, end)
  cursor.at = end + 2
  if (kind === '+') return { status: line }
  if (kind === '-') return { error: line }
  if (kind === ':') return line.length > 15 ? BigInt(line) : Number(line)
  const length = Number(line)
  if (length < 0) return kind === '*' ? 'NIL ARRAY' : null
  if (kind === '$') {
    if (text.length < cursor.at + length + 2) return INCOMPLETE
    const bulk = text.slice(cursor.at, cursor.at + length)
    cursor.at += length + 2
    return bulk
  }
  const items: RawReply[] = []
  for (let i = 0; i < length; i++) {
    const item = decode(text, cursor)
    if (item === INCOMPLETE) return INCOMPLETE
    items.push(item)
  }
  return items
}
