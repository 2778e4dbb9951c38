import { expect, it } from 'vitest'
import { OK, startSession, WRONGTYPE } from '../testing/session.ts'

it('converts values both ways as Redis does', async () => {
  const { ask } = await startSession()
  const script = "return {1, 2.9, -2.9, 'a', true, redis.status_reply('FINE'), {3, {4}}, false, 'x', nil, 'lost'}"
  expect(await ask('EVAL', script, '0')).toEqual([1, 2, -2, 'a', 1, { status: 'FINE' }, [3, [4]], null, 'x'])
  expect(await ask('EVAL', "return redis.call('GET', KEYS[1]) == false", '1', 'none')).toBe(1)
  expect(await ask('EVAL', "return {redis.call('SET', KEYS[1], ARGV[1]).ok, #ARGV[1]}", '1', 'k', 'ÿ\0')).toEqual([
    'OK',
    2,
  ])
  expect(await ask('GET k')).toBe('ÿ\0')
})

it("has Lua 5.1's numbers: doubles, without .0 and without 32-bit wrapping", async () => {
  const { ask } = await startSession()
  const script = `return {2000000000 + 2000000000, 10 / 2 .. '', tostring(1760000000000), 7 % 3 .. '', 2^40 .. '',
    tonumber('1760000000000') + 1 .. '', math.floor(2.5) .. '', string.format('%d', 1760000000000.9)}`
  const wanted = [4000000000, '5', '1760000000000', '1', '1099511627776', '1760000000001', '2', '1760000000000']
  expect(await ask('EVAL', script, '0')).toEqual(wanted)
  await ask('EVAL', "redis.call('ZADD', KEYS[1], 1760000000000 + 0.5, 'a')", '1', 'z')
  expect(await ask('ZSCORE z a')).toBe('1760000000000.5')
})

it('tells errors: raised, caught, returned', async () => {
  const { ask } = await startSession()
  await ask('SET k text')
  const [{ error }] = [(await ask('EVAL', "return redis.call('INCR', KEYS[1])", '1', 'k')) as { error: string }]
  expect(error).toMatch(/^ERR value is not an integer or out of range script: [0-9a-f]{40}, on @user_script:1\.$/)
  expect(await ask('EVAL', "return redis.pcall('LPUSH', KEYS[1], 1)", '1', 'k')).toEqual(WRONGTYPE)
  expect(await ask('EVAL', "return redis.error_reply('STALE go away')", '0')).toEqual({ error: 'STALE go away' })
  expect(await ask('EVAL', 'return surprise', '0')).toMatchObject({
    error: expect.stringContaining("nonexistent global variable 'surprise'"),
  })
  expect(await ask('EVAL_RO', "return redis.call('SET', KEYS[1], 1)", '1', 'k')).toMatchObject({
    error: expect.stringContaining('Write commands are not allowed from read-only scripts.'),
  })
})

it('remembers scripts by their SHA-1', async () => {
  const { ask } = await startSession()
  const sha = (await ask('SCRIPT LOAD', 'return ARGV[1]')) as string
  expect(await ask(`EVALSHA ${sha} 0 hello`)).toBe('hello')
  expect(await ask(`SCRIPT EXISTS ${sha} ${'0'.repeat(40)}`)).toEqual([1, 0])
  expect(await ask('SCRIPT FLUSH')).toEqual(OK)
  expect(await ask(`EVALSHA ${sha} 0`)).toEqual({ error: 'NOSCRIPT No matching script. Please use EVAL.' })
})

it('encodes and decodes JSON', async () => {
  const { ask } = await startSession()
  expect(await ask('EVAL', "return cjson.encode({1, 'a/\"b', {x = true}, {}})", '0')).toBe(
    '[1,"a\\/\\"b",{"x":true},{}]',
  )
  const decode = "local v = cjson.decode(ARGV[1]) return {v.a[2], v.b == cjson.null and 'null', v.c}"
  const json = Buffer.from('{"a":[1,2],"b":null,"c":"\\u00e9é"}', 'utf8').toString('latin1')
  expect(await ask('EVAL', decode, '0', json)).toEqual([2, 'null', Buffer.from('éé', 'utf8').toString('latin1')])
})

it('stops a script that does not end', async () => {
  let now = 0
  const { ask } = await startSession({ clock: () => (now += 1000) })
  for (const endless of ['while true do end', 'while true do pcall(function() while true do end end) end']) {
    expect(await ask('EVAL', endless, '0')).toMatchObject({
      error: expect.stringContaining('Script took more than 5000 ms'),
    })
  }
  expect(await ask('PING')).toEqual({ status: 'PONG' })
})
