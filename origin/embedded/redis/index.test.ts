import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddedRedis, startEmbeddedRedis } from './index.ts'
import { startSession } from './testing/session.ts'

describe('through ioredis', () => {
  let server: EmbeddedRedis
  let redis: Redis
  beforeEach(async () => {
    server = await startEmbeddedRedis()
    redis = new Redis(server.url)
  })
  afterEach(async () => {
    redis.disconnect()
    await server.close()
  })

  it('pipelines keep their order', async () => {
    const pipeline = redis.pipeline()
    for (let i = 0; i < 1000; i++) {
      pipeline.zadd(`timeline:${i}`, i, `post${i}`)
      pipeline.expire(`timeline:${i}`, 86_400, 'NX')
    }
    const replies = await pipeline.exec()
    expect(replies).toHaveLength(2000)
    expect(replies!.every(([error, reply]) => error === null && reply === 1)).toBe(true)
    expect(await redis.zrange('timeline:7', '0', '-1', 'WITHSCORES')).toEqual(['post7', '7'])
  })

  it('multi, call and buffers work', async () => {
    expect(await redis.multi().set('a', '1').incr('a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
    ])
    expect(await redis.call('ZADD', 'z', 'XX', 'GT', '1', 'm')).toBe(0)
    await redis.set('bytes', Buffer.from([0, 255, 13, 10]))
    expect(await redis.getBuffer('bytes')).toEqual(Buffer.from([0, 255, 13, 10]))
    await redis.set('text', 'Grüße 🌊')
    expect(await redis.get('text')).toBe('Grüße 🌊')
  })

  it('a defined command runs by its hash and survives a script flush', async () => {
    redis.defineCommand('bump', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" })
    const bump = (redis as unknown as { bump(key: string, by: number): Promise<number> }).bump.bind(redis)
    expect(await bump('n', 2)).toBe(2)
    await redis.script('FLUSH')
    expect(await bump('n', 3)).toBe(5)
  })

  it('subscribers hear publishers', async () => {
    const subscriber = redis.duplicate()
    const heard = new Promise((resolve) => subscriber.on('message', (channel, text) => resolve([channel, text])))
    await subscriber.subscribe('live')
    expect(await redis.publish('live', 'hello')).toBe(1)
    expect(await heard).toEqual(['live', 'hello'])
    subscriber.disconnect()
  })

  it('many megabytes go in and out', async () => {
    const value = 'x'.repeat(8 * 1024 * 1024)
    await redis.set('big', value)
    expect((await redis.get('big')) === value).toBe(true)
  })
})

describe('the server', () => {
  it('tells its run id, that it is ready and what it holds', async () => {
    const { ask, server } = await startSession()
    await ask('SET a 1 EX 10')
    const info = String(await ask('INFO'))
    expect(info).toContain(`run_id:${server.runId}`)
    expect(info).toContain('loading:0')
    expect(info).toContain('role:master')
    expect(info).toContain('db0:keys=1,expires=1')
    expect(await ask('CONFIG GET maxmemory*')).toEqual(['maxmemory', '0', 'maxmemory-policy', 'noeviction'])
  })

  it('speaks RESP2 only', async () => {
    const { ask } = await startSession()
    expect(await ask('HELLO 3')).toEqual({ error: 'NOPROTO unsupported protocol version' })
    expect(await ask('HELLO 2')).toContain('7.0.15')
  })

  it('answers QUIT, closes, and names protocol errors', async () => {
    const { connect } = await startSession()
    const polite = await connect()
    polite.write('PING\r\nQUIT\r\n')
    expect([await polite.next(), await polite.next()]).toEqual([{ status: 'PONG' }, { status: 'OK' }])
    const broken = await connect()
    broken.write('*1\r\n!x\r\n')
    expect(await broken.next()).toEqual({ error: "ERR Protocol error: expected '$', got '!'" })
  })

  it('keeps databases apart', async () => {
    const { ask } = await startSession()
    await ask('SET k zero')
    await ask('SELECT 1')
    expect(await ask('GET k')).toBe(null)
    expect(await ask('SELECT 16')).toEqual({ error: 'ERR DB index is out of range' })
  })

  it('refuses a port that is taken', async () => {
    const { server } = await startSession()
    await expect(startEmbeddedRedis({ port: server.port })).rejects.toThrow('EADDRINUSE')
  })
})
