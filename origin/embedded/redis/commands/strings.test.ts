import { expect, it } from 'vitest'
import { OK, startSession, WRONGTYPE } from '../testing/session.ts'

it('keeps any bytes in keys and values', async () => {
  const { ask } = await startSession()
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('')
  expect(await ask('SET', bytes, bytes)).toEqual(OK)
  expect(await ask('GET', bytes)).toBe(bytes)
  expect(await ask('STRLEN', bytes)).toBe(256)
})

it('SET obeys NX, XX, GET and KEEPTTL', async () => {
  const { ask } = await startSession()
  expect(await ask('SET k 1 XX')).toBe(null)
  expect(await ask('SET k 1 NX EX 100')).toEqual(OK)
  expect(await ask('SET k 2 NX GET')).toBe('1')
  expect(await ask('SET k 3 KEEPTTL GET')).toBe('1')
  expect(await ask('TTL k')).toBe(100)
  expect(await ask('SET k 4')).toEqual(OK)
  expect(await ask('TTL k')).toBe(-1)
  expect(await ask('SET k 5 NX XX')).toEqual({ error: 'ERR syntax error' })
  expect(await ask('SET k 5 EX 0')).toEqual({ error: "ERR invalid expire time in 'set' command" })
})

it('changes parts of a value', async () => {
  const { ask } = await startSession()
  expect(await ask('APPEND k hello')).toBe(5)
  expect(await ask('SETRANGE k 7 world')).toBe(12)
  expect(await ask('GET k')).toBe('hello\0\0world')
  expect(await ask('GETRANGE k -5 -1')).toBe('world')
  expect(await ask('COPY k copy')).toBe(1)
  await ask('APPEND k !')
  expect(await ask('GET copy')).toBe('hello\0\0world')
})

it('counts in 64 bits and in long doubles', async () => {
  const { ask } = await startSession()
  expect(await ask('INCR n')).toBe(1)
  expect(await ask('SET n 9223372036854775806')).toEqual(OK)
  expect(await ask('INCR n')).toBe(9223372036854775807n)
  expect(await ask('INCR n')).toEqual({ error: 'ERR increment or decrement would overflow' })
  expect(await ask('INCRBYFLOAT f 0.1')).toBe('0.1')
  expect(await ask('INCRBYFLOAT f 0.2')).toBe('0.3')
})

it('refuses other types, but MGET passes over them', async () => {
  const { ask } = await startSession()
  await ask('SADD set a')
  expect(await ask('GET set')).toEqual(WRONGTYPE)
  expect(await ask('MGET set none')).toEqual([null, null])
})
