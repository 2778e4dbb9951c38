import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCommand, parsePath, parsePipeline } from './request.ts'
import { encodeCommands } from './resp.ts'

const body = (text: string): Buffer => Buffer.from(text)
const none = Buffer.alloc(0)

describe('parsePipeline', () => {
  it('gives back any strings and safe integers as text', () => {
    const argument = fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean())
    const command = fc.tuple(fc.string({ minLength: 1 }), fc.array(argument)).map(([name, rest]) => [name, ...rest])
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), (commands) => {
        expect(parsePipeline(body(JSON.stringify(commands)), 10)).toEqual(commands.map((c) => c.map(String)))
      }),
    )
  })

  it('keeps numbers as written, and objects as JSON', () => {
    expect(parseCommand(body('["ZADD", 1e3, 1.50, -0, 18446744073709551616, {"a":[1.5]}]'))).toEqual([
      'ZADD',
      '1e3',
      '1.50',
      '-0',
      '18446744073709551616',
      '{"a":[1.5]}',
    ])
  })

  it('refuses more commands than allowed, and null', () => {
    expect(() => parsePipeline(body('[["A"],["B"]]'), 1)).toThrow(/too many commands/)
    expect(() => parseCommand(body('["A",null]'))).toThrow(/null args/)
  })
})

describe('parsePath', () => {
  it('puts path, body and query in the order Upstash documents', () => {
    expect(parsePath('/set/a%2Fb/', 'EX=10&NX&_token=secret', none)).toEqual(['set', 'a/b', '', 'EX', '10', 'NX'])
    expect(parsePath('/set/k', 'EX=10', body('v'))).toEqual(['set', 'k', body('v'), 'EX', '10'])
    expect(parsePath('/get/a+b', '', none)).toEqual(['get', 'a+b'])
  })

  it('refuses an empty command', () => {
    expect(() => parsePath('//k', '', none)).toThrow(/empty command/)
  })
})

describe('encodeCommands', () => {
  it('prefixes each argument with its length in bytes, so that none can start a command', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()), { minLength: 1 }), (values) => {
        const command = values.map((value) => (typeof value === 'string' ? value : Buffer.from(value)))
        const bytes = command.map((value) => (typeof value === 'string' ? Buffer.from(value) : value))
        const expected = [Buffer.from(`*${command.length}\r\n`)]
        for (const value of bytes) expected.push(Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n'))
        expect(Buffer.from(encodeCommands([command]))).toEqual(Buffer.concat(expected))
      }),
    )
  })
})
