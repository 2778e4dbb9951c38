import { describe, expect, it } from 'vitest'
import { createBreaker } from '#core/breaker.ts'
import { RedisAwayError, RedisCommandError } from '#core/redis.ts'
import { env, services } from '../testing.ts'
import { type Punctuality, upstashRedis } from './redis.ts'

const fresh = (
  changes: Partial<{ url: string; token: string; timeoutMs: number }> = {},
  breaker = neverOpen(),
  punctuality: Punctuality = punctual,
) =>
  upstashRedis(
    { url: env.REDIS_REST_URL, token: env.REDIS_REST_TOKEN, timeoutMs: 2_000, ...changes },
    breaker,
    punctuality,
  )
const punctual = { clock: Date.now, lagMs: () => 0 }
const neverOpen = () => createBreaker({ failures: Number.POSITIVE_INFINITY, openMs: 0 }, Date.now)

describe('the Redis port over Upstash', () => {
  it('answers every kind of reply as it is, ids and the text "OK" among them', async () => {
    const key = `test:${crypto.randomUUID()}`
    const id = '7268831462144000001'
    const replies = await fresh().pipeline([
      ['SET', key, id],
      ['GET', key],
      ['GET', `${key}:none`],
      ['RPUSH', `${key}:list`, 'OK', '007', 'größe 🛶'],
      ['LRANGE', `${key}:list`, 0, -1],
      ['HGETALL', `${key}:none`],
    ])
    expect(replies).toEqual(['OK', id, null, 3, ['OK', '007', 'größe 🛶'], []])
  })

  it('sends nothing for no commands', async () => {
    expect(await fresh({ url: 'http://127.0.0.1:9' }).pipeline([])).toEqual([])
  })

  it('names the command that the server refused', async () => {
    const key = `test:${crypto.randomUUID()}`
    const refused = fresh().pipeline([
      ['SET', key, 'x'],
      ['ZADD', key, 1, 'm'],
    ])
    await expect(refused).rejects.toThrow(RedisCommandError)
    await expect(refused).rejects.toMatchObject({ command: 'ZADD' })
  })

  it.each([
    ['nothing listens', { url: 'http://127.0.0.1:9' }],
    ['the token is wrong', { token: 'wrong' }],
  ])('is away when %s', async (_, changes) => {
    await expect(fresh(changes).pipeline([['PING']])).rejects.toThrow(RedisAwayError)
  })

  it('fails at once after failures in a row, and works again after the pause', async () => {
    let now = 0
    const breaker = createBreaker({ failures: 2, openMs: 1_000 }, () => now)
    const broken = fresh({ url: 'http://127.0.0.1:9' }, breaker)
    for (let i = 0; i < 2; i++) await expect(broken.pipeline([['PING']])).rejects.toThrow('did not answer')
    const well = fresh({}, breaker)
    await expect(well.pipeline([['PING']])).rejects.toThrow('left alone')
    now = 1_000
    expect(await well.pipeline([['PING']])).toEqual(['PONG'])
    expect(breaker.isOpen()).toBe(false)
  })

  it('is not taken for silent for what the isolate itself is late by: the answer may lie there', async () => {
    const url = `${env.TEST_HELD_REDIS_URL}/${crypto.randomUUID()}`
    let looks = 0
    // Answers once its silence has lasted for twice the usual one, and is then waited for as long again.
    const late = fresh({ url, timeoutMs: 500 }, neverOpen(), {
      clock: Date.now,
      lagMs() {
        if (++looks === 2) void fetch(`${url}/pipeline`)
        return 10_000
      },
    })
    expect(await late.pipeline([['PING']])).toEqual(['PONG'])
    expect(looks).toBeGreaterThanOrEqual(2)
  })

  it('is taken for silent when it does not answer in time, be the isolate punctual or late', async () => {
    const held = (lagMs: number) => {
      const url = `${env.TEST_HELD_REDIS_URL}/${crypto.randomUUID()}`
      return fresh({ url, timeoutMs: 50 }, neverOpen(), { clock: Date.now, lagMs: () => lagMs }).pipeline([['PING']])
    }
    for (const lagMs of [0, 10_000]) await expect(held(lagMs)).rejects.toThrow(RedisAwayError)
  })

  it('does not count a refused command as an outage', async () => {
    const breaker = createBreaker({ failures: 1, openMs: 1_000 }, () => 0)
    await expect(fresh({}, breaker).pipeline([['NOSUCHCOMMAND']])).rejects.toThrow(RedisCommandError)
    expect(breaker.isOpen()).toBe(false)
    void services
  })
})
