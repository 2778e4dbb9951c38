import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NIL_ARRAY, type Reply, ReplyError, Status } from './reply.ts'
import { encode, ProtocolError, RequestParser } from './resp.ts'

function parse(...chunks: (string | Buffer)[]): string[][] {
  const parser = new RequestParser()
  const commands: string[][] = []
  for (const chunk of chunks) parser.push(Buffer.from(chunk as string, 'latin1'), (argv) => commands.push(argv))
  return commands
}

const wire = (argv: readonly string[]) => `*${argv.length}\r\n${argv.map((a) => `$${a.length}\r\n${a}\r\n`).join('')}`
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1'))

describe('the request parser', () => {
  it('reads back any commands, whatever their bytes and wherever the stream is cut', () => {
    const commands = fc.array(fc.array(bytes, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(commands, fc.array(fc.nat(400), { maxLength: 8 }), (wanted, cuts) => {
        const stream = wanted.map(wire).join('')
        const places = [0, ...cuts.map((cut) => cut % stream.length).sort((a, b) => a - b), stream.length]
        const chunks = places.slice(1).map((end, i) => stream.slice(places[i], end))
        expect(parse(...chunks)).toEqual(wanted)
      }),
    )
  })

  it('reads a stream that comes byte by byte', () => {
    const stream = wire(['SET', 'k', 'a\r\nb']) + wire(['PING'])
    expect(parse(...stream)).toEqual([['SET', 'k', 'a\r\nb'], ['PING']])
  })

  it('takes inline commands with quotes and escapes', () => {
    expect(parse('PING\r\n\r\nSET "a b" \'c d\' "\\x41\\n"\n')).toEqual([['PING'], ['SET', 'a b', 'c d', 'A\n']])
  })

  it('refuses what is no protocol', () => {
    expect(() => parse('*1\r\n:5\r\n')).toThrow(new ProtocolError("Protocol error: expected '$', got ':'"))
    expect(() => parse('*x\r\n')).toThrow('invalid multibulk length')
    expect(() => parse('*1\r\n$-5\r\n')).toThrow('invalid bulk length')
    expect(() => parse('SET "a\r\n')).toThrow('unbalanced quotes in request')
    expect(() => parse('x'.repeat(70_000))).toThrow('too big inline request')
  })
})

describe('the reply encoder', () => {
  it('writes every kind of reply', () => {
    const reply: Reply = ['ÿ', 1, 2n ** 62n, null, new Status('OK'), new ReplyError('ERR no\r\n'), NIL_ARRAY, []]
    expect(encode(reply)).toBe(
      '*8\r\n$1\r\nÿ\r\n:1\r\n:4611686018427387904\r\n$-1\r\n+OK\r\n-ERR no  \r\n*-1\r\n*0\r\n',
    )
  })
})
