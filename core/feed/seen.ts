/**
 * Which posts a person has been shown: two Bloom filters of fixed size, rotated, so that forgetting costs nothing
 * (correctness.md, rule 8). Stored as text, `<startedMs>.<base64 current>.<base64 previous>`, since it travels in JSON.
 *
 * Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006. 16,384 bits and 7 hashes hold 1,700 impressions at 1 %.
 */
import type { Id } from '../ids.ts'

export const SEEN_BITS = 16_384
const HASHES = 7
const BYTES = SEEN_BITS / 8
/** A filter is replaced after this long: seen posts are remembered for half a week to a week. */
export const SEEN_ROTATE_MS = 3.5 * 86_400_000

export interface SeenFilters {
  startedMs: number
  current: Uint8Array
  previous: Uint8Array
}

export const emptySeen = (nowMs: number): SeenFilters => ({
  startedMs: nowMs,
  current: new Uint8Array(BYTES),
  previous: new Uint8Array(BYTES),
})

/** Null when the text is none of ours: then nothing counts as seen. */
export function parseSeen(text: string): SeenFilters | null {
  const [started, current, previous] = text.split('.')
  if (started === undefined || current === undefined || previous === undefined) return null
  const filters = { startedMs: Number(started), current: fromBase64(current), previous: fromBase64(previous) }
  return filters.current.length === BYTES && filters.previous.length === BYTES ? filters : null
}

export const formatSeen = (seen: SeenFilters): string =>
  `${seen.startedMs}.${toBase64(seen.current)}.${toBase64(seen.previous)}`

/** Adds impressions; starts a new filter when the current one is old. */
export function addSeen(seen: SeenFilters, posts: readonly Id[], nowMs: number): SeenFilters {
  const old = nowMs - seen.startedMs > SEEN_ROTATE_MS
  const next = old ? { startedMs: nowMs, current: new Uint8Array(BYTES), previous: seen.current } : seen
  for (const post of posts) {
    for (const bit of bitsOf(post)) next.current[bit >> 3] = (next.current[bit >> 3] ?? 0) | (1 << (bit & 7))
  }
  return next
}

/** True when the post was added; true by mistake about once in a hundred. */
export function hasSeen(seen: SeenFilters, post: Id): boolean {
  const bits = bitsOf(post)
  return bits.every((bit) => has(seen.current, bit)) || bits.every((bit) => has(seen.previous, bit))
}

const has = (filter: Uint8Array, bit: number) => ((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0

function bitsOf(post: Id): number[] {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < post.length; i++) {
    const code = post.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x5bd1e995)
  }
  const step = (b ^ (b >>> 15)) | 1
  return Array.from({ length: HASHES }, (_, i) => ((a + Math.imul(i, step)) >>> 0) % SEEN_BITS)
}

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  } catch {
    return new Uint8Array(0)
  }
}
