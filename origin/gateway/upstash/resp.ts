/** One command as it goes to Redis: the name, then its arguments. Buffers are sent byte for byte, strings as UTF-8. */
export type Command = readonly (string | Buffer)[]

/** Commands in wire form. A string where every argument is one, which Node writes faster than a Buffer. */
export type WireCommands = string | Buffer

/**
 * Encodes commands as RESP arrays of bulk strings (Redis serialization protocol specification, "Sending commands").
 *
 * Every argument is length-prefixed: no argument can end early or start another command.
 */
export function encodeCommands(commands: readonly Command[]): WireCommands {
  let text = ''
  let binary: Buffer[] | undefined
  for (const command of commands) {
    text += `*${command.length}\r\n`
    for (const argument of command) {
      if (typeof argument === 'string') text += `$${utf8Length(argument)}\r\n${argument}\r\n`
      else {
        binary ??= []
        binary.push(Buffer.from(`${text}$${argument.length}\r\n`), argument)
        text = '\r\n'
      }
    }
  }
  if (binary === undefined) return text
  binary.push(Buffer.from(text))
  return Buffer.concat(binary)
}

/** Bytes of a string in UTF-8. Most arguments are short and ASCII: counting those here is cheaper than a native call. */
function utf8Length(text: string): number {
  if (text.length > 48) return Buffer.byteLength(text)
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return text.length
}

/** Redis sent what is not RESP2, or more than was asked for: the connection cannot be used any longer. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

/**
 * A decimal integer between two offsets. Lengths and counts only: they fit a double.
 *
 * @throws {ProtocolError} when it is not one
 */
export function integerBetween(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === 0x2d
  let value = 0
  for (let i = negative ? start + 1 : start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) throw new ProtocolError('a length that is not a number')
    value = value * 10 + digit
  }
  return negative ? -value : value
}
