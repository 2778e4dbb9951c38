/** Latin1 text as the byte array that fengari calls a string. A plain Uint8Array: Buffer's `slice` shares memory, which fengari does not expect. */
export function luaString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** The bytes of a Lua string as latin1 text. */
export function fromLuaString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
