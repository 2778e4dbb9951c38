import { expect, it, vi } from 'vitest'
import { OK, startSession } from '../testing/session.ts'

it('a key is gone for every command at its time', async () => {
  const { ask, clock } = await startSession()
  await ask('SET k v PX 1000')
  clock.now += 999
  expect(await ask('PTTL k')).toBe(1)
  clock.now += 1
  expect(await ask('GET k')).toBe(null)
  expect(await ask('EXISTS k')).toBe(0)
  expect(await ask('TTL k')).toBe(-2)
})

it('EXPIRE NX leaves a running time alone, as the fan-out relies on', async () => {
  const { ask } = await startSession()
  await ask('ZADD t 1 a')
  expect(await ask('EXPIRE t 100 NX')).toBe(1)
  expect(await ask('EXPIRE t 200 NX')).toBe(0)
  expect(await ask('EXPIRE t 50 GT')).toBe(0)
  expect(await ask('EXPIRE t 50 LT')).toBe(1)
  expect(await ask('TTL t')).toBe(50)
  expect(await ask('PERSIST t')).toBe(1)
  expect(await ask('EXPIRE t 50 XX')).toBe(0)
  expect(await ask('EXPIRE t -1')).toBe(1)
  expect(await ask('EXISTS t')).toBe(0)
})

it('adding to a key keeps its time, replacing it does not, renaming takes it along', async () => {
  const { ask } = await startSession()
  await ask('ZADD t 1 a')
  await ask('EXPIRE t 100')
  await ask('ZADD t 2 b')
  expect(await ask('RENAME t u')).toEqual(OK)
  expect(await ask('TTL u')).toBe(100)
  await ask('ZUNIONSTORE u 1 u')
  expect(await ask('TTL u')).toBe(-1)
})

it('memory is freed without anybody asking for the key', async () => {
  const { ask, clock } = await startSession()
  for (let i = 0; i < 50; i++) await ask(`SET k${i} v EX 10`)
  clock.now += 11_000
  await vi.waitFor(async () => expect(await ask('DBSIZE')).toBe(0))
})
