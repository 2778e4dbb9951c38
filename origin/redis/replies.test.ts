import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Reply } from '#core/redis.ts'
import { type Outcome, ReplyParser } from './replies.ts'

/** As a server writes it. */
function encode(outcome: Outcome): string {
  if (outcome instanceof Error) return `-${outcome.message}\r\n`
  if (outcome === null) return '$-1\r\n'
  if (typeof outcome === 'number') return `:${outcome}\r\n`
  if (typeof outcome === 'string') return `$${Buffer.byteLength(outcome)}\r\n${outcome}\r\n`
  return `*${outcome.length}\r\n${outcome.map(encode).join('')}`
}

function parse(...chunks: Buffer[]): Outcome[] {
  const outcomes: Outcome[] = []
  const parser = new ReplyParser((outcome) => outcomes.push(outcome))
  for (const chunk of chunks) parser.push(chunk)
  return outcomes
}

const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.string({ unit: 'binary' }),
    fc.constant(null),
    fc.array(tie('reply'), { maxLength: 4 }),
  ),
}))
const outcome: fc.Arbitrary<Outcome> = fc.oneof(reply, fc.constantFrom(new Error('ERR no'), new Error('MOVED 1 h:1')))

describe('replies', () => {
  it('come out as they went in, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(outcome, { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (sent, cuts) => {
          const bytes = Buffer.from(sent.map(encode).join(''))
          const chunks: Buffer[] = []
          for (let at = 0; at < bytes.length; at += chunks.at(-1)!.length) {
            chunks.push(bytes.subarray(at, at + (cuts.next().value ?? 1)))
          }
          expect(parse(...chunks)).toEqual(sent)
        },
      ),
    )
  })

  it('knows statuses, and refuses what is no RESP2', () => {
    expect(parse(Buffer.from('+OK\r\n*-1\r\n:-12\r\n'))).toEqual(['OK', null, -12])
    for (const wrong of ['HTTP/1.1 400\r\n', ':x\r\n', '_\r\n']) expect(() => parse(Buffer.from(wrong))).toThrow()
  })
})
