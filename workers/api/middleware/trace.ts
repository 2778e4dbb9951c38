/** A request's identity: an id for people who ask, W3C Trace Context for machines that follow. */
import type { Random } from '#core/ids.ts'

/** What a client may name its request: printable, short, safe in a log line. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

function hex(random: Random, digits: number): string {
  let text = ''
  while (text.length < digits) {
    text += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
  }
  return text.slice(0, digits)
}

/** The client's id when it is well formed, else a new one. */
export function requestId(given: string | null, random: Random): string {
  return given !== null && REQUEST_ID.test(given) ? given : hex(random, 24)
}

/** Continues the client's trace with a span of our own, or starts one, sampled. */
export function traceparent(given: string | null, random: Random): string {
  if (given !== null && TRACEPARENT.test(given)) return `${given.slice(0, 36)}${hex(random, 16)}${given.slice(52)}`
  return `00-${hex(random, 32)}-${hex(random, 16)}-01`
}
