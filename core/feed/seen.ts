/**
 * Which posts a person has been shown: two Bloom filters of fixed size, rotated, so that forgetting costs nothing
 * (docs/correctness.md, rule 8). Stored as text, `<startedMs>.<base64 current>.<base64 previous>`, since it travels in JSON.
 *
 * Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006. 16,384 bits and 7 hashes hold 1,700 impressions at 1 %.
 */
import type { Id } from '../ids.ts'

const SEEN_BITS = 16_384
const HASHES = 7
const BYTES = SEEN_BITS / 8
/**
 * A filter with half of its bits set errs with 2^-7, so both together stay below 2 %. It is replaced then, however young:
 * whoever looks at thousands of posts a day forgets sooner, rather than having everything count as seen.
 */
const FULL_BITS = SEEN_BITS / 2
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
  if (!Number.isFinite(filters.startedMs)) return null
  return filters.current.length === BYTES && filters.previous.length === BYTES ? filters : null
}

export const formatSeen = (seen: SeenFilters): string =>
  `${seen.startedMs}.${toBase64(seen.current)}.${toBase64(seen.previous)}`

/** Adds impressions; starts a new filter when the current one is old or full. */
export function addSeen(seen: SeenFilters, posts: readonly Id[], nowMs: number): SeenFilters {
  let next = nowMs - seen.startedMs > SEEN_ROTATE_MS ? rotated(seen, nowMs) : seen
  let set = bitsSet(next.current)
  for (const post of posts) {
    if (set >= FULL_BITS) {
      next = rotated(next, nowMs)
      set = 0
    }
    for (const bit of bitsOf(post)) {
      if (has(next.current, bit)) continue
      next.current[bit >> 3] = (next.current[bit >> 3] ?? 0) | (1 << (bit & 7))
      set++
    }
  }
  return next
}

const rotated = (seen: SeenFilters, nowMs: number): SeenFilters => ({
  startedMs: nowMs,
  current: new Uint8Array(BYTES),
  previous: seen.current,
})

function bitsSet(filter: Uint8Array): number {
  let set = 0
  for (const byte of filter) for (let rest = byte; rest !== 0; rest &= rest - 1) set++
  return set
}

/** True when the post was added; true by mistake about once in a hundred. */
export function hasSeen(seen: SeenFilters, post: Id): boolean {
  const bits = bitsOf(post)
  return bits.every((bit) => has(seen.current, bit)) || bits.every((bit) => has(seen.previous, bit))
}

const has = (filter: Uint8Array, bit: number) => ((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0

/** The two sums that a post's bits are made of. */
interface Sums {
  start: number
  step: number
}

function sumsOf(post: Id, into: Sums = { start: 0, step: 0 }): Sums {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < post.length; i++) {
    const code = post.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x5bd1e995)
  }
  into.start = a
  into.step = (b ^ (b >>> 15)) | 1
  return into
}

const bitAt = ({ start, step }: Sums, i: number): number => ((start + Math.imul(i, step)) >>> 0) % SEEN_BITS

function bitsOf(post: Id): number[] {
  const sums = sumsOf(post)
  return Array.from({ length: HASHES }, (_, i) => bitAt(sums, i))
}

/** Sextets of the base64 alphabet by character code. */
const SEXTETS = new Uint8Array(128)
for (const [value, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  SEXTETS[char.charCodeAt(0)] = value
}
const TEXT_LENGTH = Math.ceil(BYTES / 3) * 4

export interface SeenReader {
  hasSeen(post: Id): boolean
  /** Whether it was seen since the filters were rotated last: what was seen, but not lately, was seen longest ago. */
  lately(post: Id): boolean
}

/**
 * Reads stored filters without decoding them: a feed asks for a hundred posts, seven bits each, of sixteen thousand.
 * Null when the text is none of ours.
 */
export function seenReader(text: string): SeenReader | null {
  const first = text.indexOf('.') + 1
  const second = first + TEXT_LENGTH + 1
  if (first === 0 || text.length !== second + TEXT_LENGTH || text[second - 1] !== '.') return null
  const sums: Sums = { start: 0, step: 0 }
  // Mostly one look a filter: the first bit that is missing answers.
  const isIn = (filter: number) => {
    for (let i = 0; i < HASHES; i++) if (!bitStands(text, filter, bitAt(sums, i))) return false
    return true
  }
  return {
    hasSeen(post) {
      sumsOf(post, sums)
      return isIn(first) || isIn(second)
    },
    lately(post) {
      sumsOf(post, sums)
      return isIn(first)
    },
  }
}

/** Whether a bit is set of the filter whose base64 begins at `start`. Bit 0 is a byte's lowest, base64 begins with its highest. */
function bitStands(text: string, start: number, bit: number): boolean {
  const place = (bit & ~7) + 7 - (bit & 7)
  const char = (place / 6) | 0
  return ((SEXTETS[text.charCodeAt(start + char) & 127] ?? 0) & (32 >> (place - char * 6))) !== 0
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
