import { expect, it } from 'vitest'
import { OK, startSession } from '../testing/session.ts'

it('EXEC runs the queue as one, errors in their places', async () => {
  const { ask } = await startSession()
  await ask('MULTI')
  expect(await ask('SET k v')).toEqual({ status: 'QUEUED' })
  await ask('INCR k')
  await ask('GET k')
  expect(await ask('EXEC')).toEqual([OK, { error: 'ERR value is not an integer or out of range' }, 'v'])
})

it('a command that cannot be queued aborts the whole', async () => {
  const { ask } = await startSession()
  await ask('MULTI')
  await ask('SET k v')
  await ask('GET')
  expect(await ask('EXEC')).toEqual({ error: 'EXECABORT Transaction discarded because of previous errors.' })
  expect(await ask('EXISTS k')).toBe(0)
})

it('WATCH aborts when another client, or the clock, changed the key', async () => {
  const { ask, connect, clock } = await startSession()
  const other = await connect()
  await ask('WATCH k')
  await other.pipeline([['SET', 'k', '1', 'PX', '500']])
  await ask('MULTI')
  await ask('SET k 2')
  expect(await ask('EXEC')).toBe('NIL ARRAY')
  await ask('WATCH k')
  clock.now += 500
  await ask('MULTI')
  await ask('SET k 3')
  expect(await ask('EXEC')).toBe('NIL ARRAY')
  await ask('WATCH k')
  await ask('MULTI')
  await ask('SET k 4')
  expect(await ask('EXEC')).toEqual([OK])
})

it('a key whose time was over before WATCH does not abort', async () => {
  const { ask, clock } = await startSession()
  await ask('SET k v PX 10')
  clock.now += 10
  await ask('WATCH k')
  expect(await ask('GET k')).toBe(null)
  await ask('MULTI')
  await ask('PING')
  expect(await ask('EXEC')).toEqual([{ status: 'PONG' }])
})
