import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAppender } from './appender.ts'
import type { OutgoingRecord } from './client.ts'

const record = (value: string, partition = 0): OutgoingRecord => ({
  topic: 't',
  partition,
  key: 'k',
  value,
  headers: {},
})

describe('appending in turns', () => {
  it('sends at once what comes at once, and together what came meanwhile', async () => {
    const turns: string[][] = []
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const appender = createAppender(async (records) => {
      turns.push(records.map(({ value }) => value))
      if (turns.length === 1) await gate
    })
    const first = appender.append([record('a')])
    await Promise.resolve()
    const others = ['b', 'c', 'd'].map((value) => appender.append([record(value)]))
    open()
    await Promise.all([first, ...others])
    expect(turns).toEqual([['a'], ['b', 'c', 'd']])
  })

  it('keeps order, sends everything once, and no batch is larger than a broker takes', async () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 900_000 }), fc.integer({ min: 0, max: 2 })), {
      maxLength: 30,
    })
    await fc.assert(
      fc.asyncProperty(sizes, async (given) => {
        const records = given.map(([size, partition], n) => record(`${n}:`.padEnd(size, 'x'), partition))
        const turns: (readonly OutgoingRecord[])[] = []
        await createAppender(async (turn) => void turns.push(turn)).append(records)
        expect(turns.flat()).toEqual(records)
        for (const turn of turns) {
          for (const batch of Map.groupBy(turn, ({ partition }) => partition).values()) {
            const bytes = batch.reduce((sum, { value }) => sum + value.length, 0)
            expect(bytes).toBeLessThanOrEqual(1_048_576)
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  it('tells everybody who waits when the broker is away, and tries anew for the next', async () => {
    let away = true
    let tries = 0
    const appender = createAppender(async () => {
      tries++
      if (away) throw new Error('away')
    })
    const first = appender.append([record('x'.repeat(1_000_000)), record('y'.repeat(1_000_000))])
    const second = appender.append([record('z')])
    await expect(Promise.all([first, second])).rejects.toThrow('away')
    await expect(second).rejects.toThrow('away')
    expect(tries).toBe(1)
    away = false
    await appender.append([record('again')])
    await appender.idle()
    expect(tries).toBe(2)
  })
})
