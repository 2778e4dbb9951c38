import { describe, expect, it } from 'vitest'
import { continueTrace, parseTraceparent } from './traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

describe('traceparent', () => {
  it('reads what the specification shows', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, parentId: SPAN, sampled: true })
    // A later version may say more; its first four fields hold.
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-00-more`)).toMatchObject({ sampled: false })
  })

  it.each([
    ['nothing', null],
    ['text', 'hello'],
    ['a forbidden version', `ff-${TRACE}-${SPAN}-01`],
    ['more than version 00 may have', `00-${TRACE}-${SPAN}-01-x`],
    ['an empty trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['an empty span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['capital letters', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ])('refuses %s', (_, header) => {
    expect(parseTraceparent(header)).toBeNull()
    expect(parseTraceparent(continueTrace(header, Math.random))).not.toBeNull()
  })

  it('keeps the trace and the sampling of the caller, with a span of its own', () => {
    const child = parseTraceparent(continueTrace(`00-${TRACE}-${SPAN}-00`, Math.random))
    expect(child).toMatchObject({ traceId: TRACE, sampled: false })
    expect(child?.parentId).not.toBe(SPAN)
  })

  it('never makes ids of zeros only', () => {
    expect(continueTrace(null, () => 0)).toBe(`00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-01`)
  })
})
