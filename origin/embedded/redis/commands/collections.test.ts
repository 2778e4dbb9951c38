import { describe, expect, it } from 'vitest'
import { OK, startSession, WRONGTYPE } from '../testing/session.ts'

describe('hashes', () => {
  it('hold fields, count them and go when empty', async () => {
    const { ask } = await startSession()
    expect(await ask('HSET h a 1 b 2')).toBe(2)
    expect(await ask('HSET h a 5 c 3')).toBe(1)
    expect(await ask('HGETALL h')).toEqual(['a', '5', 'b', '2', 'c', '3'])
    expect(await ask('HINCRBY h a 10')).toBe(15)
    expect(await ask('HMGET h a x')).toEqual(['15', null])
    expect(await ask('HDEL h a b c')).toBe(3)
    expect(await ask('TYPE h')).toEqual({ status: 'none' })
  })

  it('HSCAN walks a large one completely', async () => {
    const { ask } = await startSession()
    for (let i = 0; i < 300; i++) await ask(`HSET h f${i} ${i}`)
    const found = new Map<string, string>()
    let cursor = '0'
    do {
      const [next, flat] = (await ask(`HSCAN h ${cursor} COUNT 20`)) as [string, string[]]
      for (let i = 0; i < flat.length; i += 2) found.set(flat[i]!, flat[i + 1]!)
      cursor = next
    } while (cursor !== '0')
    expect(found.size).toBe(300)
    expect(found.get('f299')).toBe('299')
  })
})

describe('sets', () => {
  it('combine', async () => {
    const { ask } = await startSession()
    await ask('SADD a 1 2 3')
    await ask('SADD b 2 3 4')
    expect(await ask('SINTER a b')).toEqual(['2', '3'])
    expect(await ask('SDIFF a b')).toEqual(['1'])
    expect(await ask('SUNIONSTORE c a b')).toBe(4)
    expect(await ask('SINTERCARD 2 a b LIMIT 1')).toBe(1)
    expect(await ask('SDIFFSTORE c a a')).toBe(0)
    expect(await ask('EXISTS c')).toBe(0)
  })

  it('SPOP takes each member once', async () => {
    const { ask } = await startSession()
    await ask('SADD a 1 2 3 4 5')
    const first = (await ask('SPOP a 2')) as string[]
    const rest = (await ask('SPOP a 10')) as string[]
    expect([...first, ...rest].sort()).toEqual(['1', '2', '3', '4', '5'])
    expect(await ask('SPOP a')).toBe(null)
  })
})

describe('lists', () => {
  it('push, pop, cut and move', async () => {
    const { ask } = await startSession()
    expect(await ask('RPUSH l a b c')).toBe(3)
    expect(await ask('LPUSH l z y')).toBe(5)
    expect(await ask('LRANGE l 0 -1')).toEqual(['y', 'z', 'a', 'b', 'c'])
    expect(await ask('LMOVE l l LEFT RIGHT')).toBe('y')
    expect(await ask('LTRIM l 1 2')).toEqual(OK)
    expect(await ask('LRANGE l 0 -1')).toEqual(['a', 'b'])
    expect(await ask('RPOPLPUSH l m')).toBe('b')
    expect(await ask('LPOP l 5')).toEqual(['a'])
    expect(await ask('LLEN l')).toBe(0)
    expect(await ask('GET m')).toEqual(WRONGTYPE)
  })

  it('takes two hundred thousand values in one command', async () => {
    const { ask, connect } = await startSession()
    const values = Array.from({ length: 200_000 }, (_, i) => String(i))
    expect(await (await connect()).pipeline([['LPUSH', 'l', ...values]])).toEqual([200_000])
    expect(await ask('LINDEX l 0')).toBe('199999')
  })
})

describe('streams', () => {
  it('append with rising ids, range, trim', async () => {
    const { ask, clock } = await startSession()
    const first = await ask('XADD x * a 1')
    expect(first).toBe(`${clock.now}-0`)
    expect(await ask('XADD x * b 2')).toBe(`${clock.now}-1`)
    expect(await ask('XADD x 1-1 c 3')).toEqual({
      error: 'ERR The ID specified in XADD is equal or smaller than the target stream top item',
    })
    expect(await ask(`XREAD COUNT 5 STREAMS x ${first}`)).toEqual([['x', [[`${clock.now}-1`, ['b', '2']]]]])
    expect(await ask('XTRIM x MAXLEN 1')).toBe(1)
    expect(await ask('XRANGE x - +')).toEqual([[`${clock.now}-1`, ['b', '2']]])
  })
})

describe('HyperLogLog', () => {
  it('counts 20,000 within 3 %, and a union', async () => {
    const { ask } = await startSession()
    await ask('PFADD a', ...Array.from({ length: 15_000 }, (_, i) => `user:${i}`))
    await ask('PFADD b', ...Array.from({ length: 15_000 }, (_, i) => `user:${i + 5_000}`))
    expect(await ask('PFADD a user:1')).toBe(0)
    const counted = (await ask('PFCOUNT a b')) as number
    expect(Math.abs(counted - 20_000)).toBeLessThan(600)
    expect(await ask('PFMERGE c a b')).toEqual(OK)
    expect(await ask('PFCOUNT c')).toBe(counted)
    await ask('PFADD few 1 2 3')
    expect(await ask('PFCOUNT few')).toBe(3)
  })
})
