/**
 * The first messages of a Postgres connection, as the gateway itself has to read and write them.
 * https://www.postgresql.org/docs/current/protocol-flow.html
 */

/** What a connection begins with. */
export type Opening =
  | { kind: 'startup'; parameters: Map<string, string> }
  | { kind: 'tls' }
  | { kind: 'cancel'; processID: number; secretKey: number }

/** The client does not speak the protocol. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
/** As in Postgres. */
const MAX_STARTUP_BYTES = 10_000
const PASSWORD_MESSAGE = 0x70

/** Bytes that have come and have not been understood yet. */
export class OpeningReader {
  #bytes: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
  }

  /** @throws {ProtocolError} */
  opening(): Opening | undefined {
    const message = this.#take(0)
    if (message === undefined) return undefined
    if (message.length < 8) throw new ProtocolError('malformed startup message')
    const code = message.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) return { kind: 'tls' }
    if (code === CANCEL_REQUEST && message.length === 16) {
      return { kind: 'cancel', processID: message.readInt32BE(8), secretKey: message.readInt32BE(12) }
    }
    if (code >>> 16 !== 3) throw new ProtocolError(`unsupported frontend protocol ${code >>> 16}.${code & 0xffff}`)
    return { kind: 'startup', parameters: readParameters(message) }
  }

  /** @throws {ProtocolError} */
  password(): string | undefined {
    const message = this.#take(1)
    if (message === undefined) return undefined
    if (message[0] !== PASSWORD_MESSAGE) throw new ProtocolError('expected a password message')
    return message.toString('utf8', 5, message.length - 1)
  }

  /** What the client sent ahead, for the target. */
  rest(): Buffer {
    return this.#bytes
  }

  /** A whole message whose length stands behind `typeBytes` bytes of type. */
  #take(typeBytes: number): Buffer | undefined {
    if (this.#bytes.length < typeBytes + 4) return undefined
    const length = this.#bytes.readInt32BE(typeBytes) + typeBytes
    if (length < typeBytes + 4 || length > MAX_STARTUP_BYTES) throw new ProtocolError('invalid message length')
    if (this.#bytes.length < length) return undefined
    const message = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return message
  }
}

function readParameters(message: Buffer): Map<string, string> {
  const [, ...strings] = `\0${message.toString('utf8', 8)}`.split('\0')
  const parameters = new Map<string, string>()
  for (let index = 0; index + 1 < strings.length && strings[index] !== ''; index += 2) {
    parameters.set(strings[index]!, strings[index + 1]!)
  }
  return parameters
}

/**
 * Startup parameters as a value for `options`, the form in which any setting can be handed on (`-c name=value`).
 * The login and what the gateway's own client sends are left out.
 */
export function startupOptions(parameters: ReadonlyMap<string, string>): string {
  const skipped = new Set([
    'user',
    'database',
    'replication',
    'options',
    'client_encoding',
    'fallback_application_name',
  ])
  const own = [...parameters].filter(([name]) => !skipped.has(name) && /^[a-z]\w*(?:\.\w+)*$/i.test(name))
  const settings = own.map(([name, value]) => `-c ${name}=${value.replace(/[\s\\]/g, '\\$&')}`)
  return [parameters.get('options') ?? '', ...settings].filter((part) => part !== '').join(' ')
}

export function encodeMessage(type: string, body: Buffer): Buffer {
  const message = Buffer.alloc(5)
  message.write(type, 'latin1')
  message.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([message, body])
}

export function encodeFatal({ code, message }: { code: string; message: string }): Buffer {
  return encodeMessage('E', Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`))
}

/** Asks for the password in clear text: the only way that a client can send it ahead, together with its first query. */
export const ASK_CLEARTEXT_PASSWORD = encodeMessage('R', Buffer.from([0, 0, 0, 3]))

export interface Session {
  parameters: ReadonlyMap<string, string>
  processID: number
  secretKey: number
}

/** What a server says to a client that has signed in. */
export function encodeWelcome({ parameters, processID, secretKey }: Session): Buffer {
  const key = Buffer.alloc(8)
  key.writeInt32BE(processID, 0)
  key.writeInt32BE(secretKey, 4)
  const status = [...parameters].map(([name, value]) => encodeMessage('S', Buffer.from(`${name}\0${value}\0`)))
  const ok = encodeMessage('R', Buffer.alloc(4))
  return Buffer.concat([ok, ...status, encodeMessage('K', key), encodeMessage('Z', Buffer.from('I'))])
}
