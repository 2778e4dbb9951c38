import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Command } from '#core/redis.ts'
import { encodeCommands } from './encode.ts'

/** The protocol to the letter. */
const plainly = (commands: readonly Command[]) =>
  Buffer.concat(
    commands.flatMap((command) => [
      Buffer.from(`*${command.length}\r\n`),
      ...command.map((argument) => Buffer.from(`$${Buffer.byteLength(String(argument))}\r\n${argument}\r\n`)),
    ]),
  )

test('a command is an array of its arguments, each with its length in bytes', () => {
  const bytes = encodeCommands([['ZADD', 'timeline:{1}', 12, 'é\r\n']])
  expect(bytes.toString()).toBe('*4\r\n$4\r\nZADD\r\n$12\r\ntimeline:{1}\r\n$2\r\n12\r\n$4\r\né\r\n\r\n')
})

test('arguments of any length, number and alphabet arrive as they are', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ maxLength: 12 }),
    fc.string({ minLength: 60, maxLength: 70 }),
    fc.nat(500).map((length) => 'x'.repeat(length)),
  )
  const argument = fc.oneof(text, fc.double({ noNaN: true }), fc.integer())
  const command = fc.oneof(
    fc.array(argument, { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 90, max: 110 }).map((n) => Array<string>(n).fill('a')),
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 8 }), (commands) => {
      expect(encodeCommands(commands).equals(plainly(commands))).toBe(true)
    }),
    { numRuns: 40 },
  )
})
