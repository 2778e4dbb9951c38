import { expect, it } from 'vitest'
import { startSession } from '../testing/session.ts'

it('orders by score and, where equal, bytewise', async () => {
  const { ask } = await startSession()
  await ask('ZADD z 1 b 1 a 1', 'é', '1', 'Z', '0', 'last')
  expect(await ask('ZRANGE z 0 -1')).toEqual(['last', 'Z', 'a', 'b', 'é'])
  expect(await ask('ZRANK z a')).toBe(2)
  expect(await ask('ZREVRANK z a')).toBe(2)
  expect(await ask('ZRANGE z 0 1 REV WITHSCORES')).toEqual(['é', '1', 'b', '1'])
})

it('ZADD obeys its conditions', async () => {
  const { ask } = await startSession()
  expect(await ask('ZADD z 5 a')).toBe(1)
  expect(await ask('ZADD z GT CH 3 a')).toBe(0)
  expect(await ask('ZADD z XX GT CH 7 a 9 b')).toBe(1)
  expect(await ask('ZADD z NX 1 a 2 b')).toBe(1)
  expect(await ask('ZADD z INCR 0.5 a')).toBe('7.5')
  expect(await ask('ZADD z NX INCR 1 a')).toBe(null)
  expect(await ask('ZADD z NX GT 1 a')).toEqual({
    error: 'ERR GT, LT, and/or NX options at the same time are not compatible',
  })
})

it('cuts by score as the trimming of a timeline does', async () => {
  const { ask } = await startSession()
  for (let i = 1; i <= 10; i++) await ask(`ZADD t ${1_760_000_000_000 + i} post${i}`)
  expect(await ask('ZREVRANGEBYSCORE t +inf (1760000000008')).toEqual(['post10', 'post9'])
  expect(await ask('ZRANGE t (1760000000008 -inf BYSCORE REV LIMIT 1 2 WITHSCORES')).toEqual([
    'post6',
    '1760000000006',
    'post5',
    '1760000000005',
  ])
  expect(await ask('ZREMRANGEBYSCORE t -inf (1760000000004')).toBe(3)
  expect(await ask('ZCOUNT t -inf +inf')).toBe(7)
  expect(await ask('ZPOPMAX t 2')).toEqual(['post10', '1760000000010', 'post9', '1760000000009'])
})

it('unites and intersects with weights', async () => {
  const { ask } = await startSession()
  await ask('ZADD a 1 x 2 y')
  await ask('ZADD b 10 y 20 z')
  await ask('SADD s y z')
  expect(await ask('ZUNION 2 a b WEIGHTS 1 0.5 WITHSCORES')).toEqual(['x', '1', 'y', '7', 'z', '10'])
  expect(await ask('ZINTER 3 a b s AGGREGATE MAX WITHSCORES')).toEqual(['y', '10'])
  expect(await ask('ZDIFFSTORE d 2 b a')).toBe(1)
  expect(await ask('ZRANGE d 0 -1')).toEqual(['z'])
})

it('prints scores as the real server does', async () => {
  const { ask } = await startSession()
  await ask('ZADD z inf a -inf b 1e20 c 3.14 d')
  expect(await ask('ZMSCORE z a b c d e')).toEqual(['inf', '-inf', '1e+20', '3.1400000000000001', null])
})
