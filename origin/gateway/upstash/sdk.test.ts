import { Redis } from '@upstash/redis'
import { describe, expect, it } from 'vitest'
import { redisDeployments } from '../../redis/test-deployments.ts'
import { gatewaySuite } from './testing.ts'

describe.each(redisDeployments())('the SDK of Upstash on $name', (engine) => {
  const suite = gatewaySuite(engine)
  const { call } = suite
  const sdk = (options = {}): Redis =>
    new Redis({ url: suite.url, token: 'write-token', enableTelemetry: false, ...options })

  const variants = [
    { variant: 'as it comes', options: {} },
    { variant: 'plain and raw', options: { automaticDeserialization: false, responseEncoding: false as const } },
    { variant: 'without auto-pipelining', options: { enableAutoPipelining: false } },
  ]

  it.each(variants)('keeps strings, hashes, sets and sorted sets ($variant)', async ({ options }) => {
    const redis = sdk(options)
    await redis.set('text', 'naïve "café" \\ \n 🌊')
    await redis.set('ok', 'OK')
    await redis.hset('post', { caption: 'sun "and" sea', likes: 'a12' })
    await redis.sadd('hidden', 'u1')
    await redis.zadd('timeline', { score: 1_790_000_000_001, member: 'p1' }, { score: 1_790_000_000_002, member: 'p2' })
    const [text, ok, hash, hidden, timeline, missing] = await Promise.all([
      redis.get('text'),
      redis.get('ok'),
      redis.hget('post', 'caption'),
      redis.smembers('hidden'),
      redis.zrange('timeline', 0, -1, { rev: true }),
      redis.get('missing'),
    ])
    expect([text, ok, hash, hidden, timeline, missing]).toEqual([
      'naïve "café" \\ \n 🌊',
      'OK',
      'sun "and" sea',
      ['u1'],
      ['p2', 'p1'],
      null,
    ])
  })

  it('builds objects from HGETALL and JSON values', async () => {
    const redis = sdk()
    await redis.hset('h', { a: 'x', b: { deep: [1, 'two'] } })
    expect(await redis.hgetall('h')).toEqual({ a: 'x', b: { deep: [1, 'two'] } })
    expect(await redis.set('k', { n: 1 })).toBe('OK')
    expect(await redis.get('k')).toEqual({ n: 1 })
  })

  it('runs a pipeline in order, one bad command not stopping the rest', async () => {
    const pipeline = sdk().pipeline()
    pipeline.set('n', 'text').incr('n').set('m', 1).get('m')
    const results = await pipeline.exec({ keepErrors: true })
    expect(results.map(({ error }) => error)).toEqual([
      undefined,
      'ERR value is not an integer or out of range',
      undefined,
      undefined,
    ])
    expect(results.map(({ result }) => result)).toEqual(['OK', undefined, 'OK', 1])
  })

  it('runs a transaction, and none of it when a command is not one', async () => {
    const redis = sdk()
    expect(await redis.multi().set('a', 1).incr('a').get('a').exec()).toEqual(['OK', 2, 2])
    const bad = await call('/multi-exec', [['SET', 'a', '9'], ['NOSUCHCOMMAND']])
    expect(bad.status).toBe(400)
    expect(bad.body.error).toMatch(/unknown command/i)
    expect(await redis.get('a')).toBe(2)
  })

  it('falls back from EVALSHA to EVAL by the text of NOSCRIPT', async () => {
    const script = sdk().createScript<string[]>('return {KEYS[1], ARGV[1]}')
    expect(await script.exec(['k'], ['v'])).toEqual(['k', 'v'])
    expect((await call('/', ['EVALSHA', '0'.repeat(40), '0'])).body.error).toMatch(/^NOSCRIPT /)
  })

  it('delivers messages of a channel until the subscriber leaves', async () => {
    const redis = sdk()
    const subscriber = redis.subscribe<{ id: number }>('news')
    const received: unknown[] = []
    subscriber.on('message', ({ channel, message }) => received.push([channel, message]))
    await new Promise<void>((resolve) => subscriber.on('subscribe', () => resolve()))
    await redis.publish('news', { id: 1 })
    await redis.publish('other', { id: 2 })
    await redis.publish('news', { id: 3 })
    await expect.poll(() => received.length).toBe(2)
    expect(received).toEqual([
      ['news', { id: 1 }],
      ['news', { id: 3 }],
    ])
    await subscriber.unsubscribe()
  })

  it('delivers messages of a pattern', async () => {
    const redis = sdk()
    const subscriber = redis.psubscribe<string>('user:*')
    const received: unknown[] = []
    subscriber.on('pmessage', (message) => received.push(message))
    await new Promise<void>((resolve) => subscriber.on('psubscribe', () => resolve()))
    await redis.publish('user:7', '{"a":"x,y"}')
    await expect.poll(() => received).toEqual([{ pattern: 'user:*', channel: 'user:7', message: { a: 'x,y' } }])
    await subscriber.unsubscribe()
  })
})
