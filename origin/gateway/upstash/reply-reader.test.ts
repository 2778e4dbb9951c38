import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Answer, Expected } from './answer.ts'
import { ReplyReader } from './reply-reader.ts'
import { ProtocolError } from './resp.ts'

/** A reply, as a value to write as RESP and to compare the JSON with. */
type Value =
  | { bulk: Uint8Array }
  | { status: string }
  | { integer: bigint }
  | { array: Value[] }
  | { nothing: 'bulk' | 'array' }

const text = fc.stringMatching(/^[A-Za-z ]{0,12}$/)
const bulk = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((chars) => new Uint8Array(Buffer.from(chars))),
  fc.uint8Array({ minLength: 500, maxLength: 700 }),
)
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    bulk.map((bytes) => ({ bulk: bytes })),
    text.map((status) => ({ status })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((integer) => ({ integer })),
    fc.constantFrom('bulk' as const, 'array' as const).map((nothing) => ({ nothing })),
    fc.array(tie('value'), { maxLength: 5 }).map((array) => ({ array })),
  ),
}))

function resp(value: Value): Buffer {
  if ('bulk' in value) return Buffer.concat([Buffer.from(`$${value.bulk.length}\r\n`), value.bulk, Buffer.from('\r\n')])
  if ('status' in value) return Buffer.from(`+${value.status}\r\n`)
  if ('integer' in value) return Buffer.from(`:${value.integer}\r\n`)
  if ('nothing' in value) return Buffer.from(value.nothing === 'bulk' ? '$-1\r\n' : '*-1\r\n')
  return Buffer.concat([Buffer.from(`*${value.array.length}\r\n`), ...value.array.map(resp)])
}

/** The JSON text that Upstash would answer, in the plainest way. */
function json(value: Value, base64: boolean, top = true): string {
  if ('bulk' in value) return JSON.stringify(Buffer.from(value.bulk).toString(base64 ? 'base64' : 'utf8'))
  if ('status' in value) {
    const plain = !base64 || (top && value.status === 'OK')
    return JSON.stringify(plain ? value.status : Buffer.from(value.status).toString('base64'))
  }
  if ('integer' in value) return value.integer.toString()
  if ('nothing' in value) return 'null'
  return `[${value.array.map((element) => json(element, base64, false)).join(',')}]`
}

/** Reads bytes, cut where told, as the replies to one request after the other. */
function read(bytes: Buffer, expected: Expected[], cuts: readonly number[] = [], limit = 1e9): Answer[] {
  const answers: Answer[] = []
  const reader = new ReplyReader(
    () => expected[answers.length],
    (answer) => answers.push(answer),
    limit,
  )
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const end of [...ends, bytes.length]) {
    // A copy, wiped afterwards: the reader may not keep what it was given.
    const chunk = Buffer.from(bytes.subarray(from, end))
    reader.push(chunk)
    chunk.fill(0xff)
    from = end
  }
  return answers
}

const one = (body: string, form: Expected['form'] = 'one', replies = 1, base64 = false): string => {
  const [answer] = read(Buffer.from(body), [{ form, base64, replies }])
  return `${answer?.status} ${answer?.body}`
}

describe('ReplyReader', () => {
  it('gives the same JSON however the bytes are cut, for any replies, plain and base64', () => {
    const pipelines = fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(pipelines, fc.boolean(), fc.array(fc.nat(), { maxLength: 12 }), (requests, base64, cuts) => {
        const expected = requests.map((replies): Expected => ({ form: 'pipeline', base64, replies: replies.length }))
        const answers = read(Buffer.concat(requests.flat().map(resp)), expected, cuts)
        expect(answers.map(({ body }) => body.toString())).toEqual(
          requests.map((replies) => `[${replies.map((reply) => `{"result":${json(reply, base64)}}`).join(',')}]`),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('keeps base64 exact and turns what is not UTF-8 into U+FFFD in plain text', () => {
    fc.assert(
      fc.property(bulk, (bytes) => {
        const wire = resp({ bulk: bytes })
        const [exact] = read(wire, [{ form: 'one', base64: true, replies: 1 }])
        const [plain] = read(wire, [{ form: 'one', base64: false, replies: 1 }])
        expect(Buffer.from(JSON.parse(exact!.body.toString()).result, 'base64')).toEqual(Buffer.from(bytes))
        expect(JSON.parse(plain!.body.toString()).result).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
        )
      }),
    )
  })

  it('answers a lone error with 400 and an error in a pipeline in its place', () => {
    expect(one('-ERR "no"\r\n')).toBe('400 {"error":"ERR \\"no\\""}')
    expect(one('-ERR a\r\n:1\r\n', 'pipeline', 2)).toBe('200 [{"error":"ERR a"},{"result":1}]')
  })

  it('keeps an error inside a value as a string', () => {
    expect(one('*2\r\n-ERR a\r\n:1\r\n')).toBe('200 {"result":["ERR a",1]}')
  })

  it('answers a transaction with the replies of EXEC, run-time errors in place', () => {
    const queued = '+OK\r\n+QUEUED\r\n+QUEUED\r\n'
    expect(one(`${queued}*2\r\n+OK\r\n-WRONGTYPE x\r\n`, 'transaction', 4, true)).toBe(
      '200 [{"result":"OK"},{"error":"WRONGTYPE x"}]',
    )
    expect(one('+OK\r\n*0\r\n', 'transaction', 2)).toBe('200 []')
    expect(one(`${queued}*2\r\n*2\r\n:1\r\n*0\r\n$-1\r\n`, 'transaction', 4)).toBe(
      '200 [{"result":[1,[]]},{"result":null}]',
    )
  })

  it('answers a discarded transaction with the text of the command that spoiled it', () => {
    const replies = '+OK\r\n+QUEUED\r\n-ERR unknown command\r\n-EXECABORT discarded\r\n'
    expect(one(replies, 'transaction', 4)).toBe('400 {"error":"ERR unknown command"}')
    expect(one('+OK\r\n+QUEUED\r\n*-1\r\n', 'transaction', 3)).toBe('400 {"error":"EXECABORT Transaction discarded"}')
  })

  it('puts refused commands where they stood', () => {
    const refused = new Map([
      [0, 'ERR first'],
      [2, 'ERR third'],
      [3, 'ERR fourth'],
    ])
    const [answer] = read(Buffer.from(':1\r\n:2\r\n'), [{ form: 'pipeline', base64: false, replies: 2, refused }])
    expect(JSON.parse(answer!.body.toString())).toEqual([
      { error: 'ERR first' },
      { result: 1 },
      { error: 'ERR third' },
      { error: 'ERR fourth' },
      { result: 2 },
    ])
    expect(answer).toMatchObject({ commands: 5, failed: 3 })
  })

  it('answers 507 for what is too long, and goes on with the next request', () => {
    const long = resp({ array: Array.from({ length: 50 }, () => ({ bulk: Buffer.alloc(100) })) })
    const huge = resp({ bulk: Buffer.alloc(5000, 'x') })
    const expected: Expected[] = [1, 2, 3, 4].map(() => ({ form: 'one', base64: false, replies: 1 }))
    const bytes = Buffer.concat([long, Buffer.from(':1\r\n'), huge, Buffer.from(':2\r\n')])
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
        const answers = read(bytes, expected, cuts, 1000)
        expect(answers.map(({ status }) => status)).toEqual([507, 200, 507, 200])
        expect(answers[1]?.body.toString()).toBe('{"result":1}')
        expect(answers[3]?.body.toString()).toBe('{"result":2}')
      }),
    )
  })

  it('refuses bytes that are not RESP2 or were not asked for', () => {
    expect(() => one('!oops\r\n')).toThrow(ProtocolError)
    expect(() => one('$x\r\n')).toThrow(ProtocolError)
    expect(() => read(Buffer.from(':1\r\n'), [])).toThrow(ProtocolError)
  })

  it('reads a long string in many chunks in linear time', () => {
    const bytes = resp({ bulk: Buffer.alloc(20_000_000, 'x') })
    const cuts = Array.from({ length: 20_000 }, (_, i) => i * 1000)
    const [answer] = read(bytes, [{ form: 'one', base64: false, replies: 1 }], cuts)
    expect(answer?.body.length).toBe(20_000_000 + '{"result":""}'.length)
  })
})
