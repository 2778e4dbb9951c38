/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): a request keeps its trace id from the edge through the log
 * to the last consumer; each hop gets a span of its own.
 */
import type { Random } from '#core/ids.ts'

export interface TraceContext {
  /** 32 hex digits. */
  traceId: string
  /** 16 hex digits: the caller's span. */
  parentId: string
  sampled: boolean
}

const SHAPE = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads a traceparent header; null when it is none, in which case the specification asks to start a new trace. */
export function parseTraceparent(header: string | null | undefined): TraceContext | null {
  const [, version, traceId, parentId, flags, rest] = SHAPE.exec(header?.trim() ?? '') ?? []
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined) return null
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The header that goes on to the next hop: the same trace with a span of ours, or a new trace. */
export function continueTrace(header: string | null | undefined, random: Random): string {
  const parent = parseTraceparent(header)
  const traceId = parent?.traceId ?? hex(32, random)
  return `00-${traceId}-${hex(16, random)}-${(parent?.sampled ?? true) ? '01' : '00'}`
}

/** Hex digits by chance, never all zero, which the specification forbids. */
function hex(digits: number, random: Random): string {
  let text = ''
  while (text.length < digits)
    text += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
  return /^0+$/.test(text) ? `${'0'.repeat(digits - 1)}1` : text
}
