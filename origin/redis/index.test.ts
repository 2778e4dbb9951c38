import { createConnection, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type Command, RedisAwayError, RedisCommandError, type Reply } from '#core/redis.ts'
import { createRedisPort, type OriginRedis, RedisReplyError } from './index.ts'
import { redisEngines } from './test-engines.ts'

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function open(url: string, commandTimeoutMs = 2_000): Promise<OriginRedis> {
  const redis = createRedisPort(url, { commandTimeoutMs })
  cleanups.push(() => redis.close())
  await redis.ready()
  return redis
}

describe.each(redisEngines())('the Redis port on $name', (engine) => {
  it('sends a pipeline in order and answers in RESP2 terms', async () => {
    const server = await engine.start()
    cleanups.push(() => server.close())
    const redis = await open(server.url)
    const replies = await redis.pipeline([
      ['SET', 'k', 'naïve 🌊'],
      ['GET', 'k'],
      ['GET', 'none'],
      ['ZADD', 'z', 1_790_000_000_123, 'p1', 2.5, 'p2'],
      ['ZRANGE', 'z', 0, -1, 'WITHSCORES'],
      ['HSET', 'h', 'a', 1],
      ['HGETALL', 'h'],
    ])
    expect(replies).toEqual(['OK', 'naïve 🌊', null, 2, ['p2', '2.5', 'p1', '1790000000123'], 1, ['a', '1']])
    expect(await redis.pipeline([])).toEqual([])
  })

  it('carries thousands of commands at a time, several pipelines at once', async () => {
    const server = await engine.start()
    cleanups.push(() => server.close())
    const redis = await open(server.url)
    const pipelines = Array.from({ length: 5 }, (_, p) =>
      redis.pipeline(Array.from({ length: 2_000 }, (_, i) => ['SETRANGE', `k${p}:${i}`, 0, 'x'.repeat(1 + (i % 7))])),
    )
    for (const replies of await Promise.all(pipelines)) expect(replies).toEqual(replies.map((_, i) => 1 + (i % 7)))
  })

  it('carries long pipelines as it carries short ones: texts, errors, one server away', async () => {
    const server = await engine.start()
    const redis = await open(server.url)
    const many = (key: string) => Array.from({ length: 100 }, (_, i): Command => ['SET', key, `naïve 🌊 ${i}`])
    await redis.pipeline(many('k'))
    // The first one opens the line that later ones take.
    await expect.poll(() => redis.pipeline([...many('k'), ['CLIENT', 'LIST']]).then(linesIn)).toBe(2)
    expect((await redis.pipeline([...many('k'), ['GET', 'k'], ['HGETALL', 'none']])).slice(-2)).toEqual([
      'naïve 🌊 99',
      [],
    ])
    const refused = redis.pipeline([...many('k'), ['INCR', 'k'], ...many('after')])
    await expect(refused).rejects.toMatchObject({ index: 100, command: 'INCR' })
    expect(await redis.pipeline([['GET', 'after']])).toEqual(['naïve 🌊 99'])
    await server.close()
    await expect.poll(() => redis.pipeline(many('k')).catch((error) => error)).toBeInstanceOf(RedisAwayError)
    const second = await engine.start(server.port)
    cleanups.push(() => second.close())
    await expect.poll(() => redis.pipeline(many('k')).catch(() => [])).toHaveLength(100)
  })

  it('names the first command that was refused, after all were executed', async () => {
    const server = await engine.start()
    cleanups.push(() => server.close())
    const redis = await open(server.url)
    const refused = redis.pipeline([['SET', 'k', 'text'], ['INCR', 'k'], ['NOSUCHCOMMAND'], ['SET', 'after', '1']])
    const error = await refused.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RedisReplyError)
    expect(error).toBeInstanceOf(RedisCommandError)
    expect(error).toMatchObject({ index: 1, command: 'INCR', message: expect.stringMatching(/not an integer/) })
    expect(await redis.pipeline([['GET', 'after']])).toEqual(['1'])
  })

  it('refuses at once while the server is away, and goes on with the process that answers after it', async () => {
    const first = await engine.start()
    const redis = await open(first.url)
    await redis.pipeline([['SET', 'k', 'v']])
    await first.close()
    await expect
      .poll(() => redis.pipeline([['GET', 'k']]).catch((error) => error))
      .toEqual(new RedisAwayError('there is no connection to Redis just now'))

    const second = await engine.start(first.port)
    cleanups.push(() => second.close())
    await expect.poll(() => redis.pipeline([['GET', 'k']]).catch((error) => error)).toEqual([null])
  })

  it('goes on when its connection was cut', async () => {
    const server = await engine.start()
    cleanups.push(() => server.close())
    const line = await cuttableLine(server.port)
    const redis = await open(line.url)
    const clientId = async (): Promise<unknown> => (await redis.pipeline([['CLIENT', 'ID']]))[0]
    const before = await clientId()
    line.cut()
    await expect.poll(() => clientId().catch(() => before)).not.toBe(before)
    expect(await redis.pipeline([['PING']])).toEqual(['PONG'])
  })
})

/** How many of the port's connections a server lists at the end of a pipeline. */
const linesIn = (replies: readonly Reply[]) => String(replies.at(-1)).split('name=tideline-origin').length - 1

/** A TCP forwarder whose connections can be cut while the server goes on. */
async function cuttableLine(port: number): Promise<{ url: string; cut(): void }> {
  const sockets = new Set<Socket>()
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const forwarder = createServer((near) => {
    const far = createConnection(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    near.pipe(far).pipe(near)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => forwarder.once('listening', resolve))
  cleanups.push(() => {
    cut()
    forwarder.close()
  })
  const address = forwarder.address()
  return { url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, cut }
}

describe('the Redis port on a server that hangs', () => {
  it('gives up after its time-out', async () => {
    const server = createServer((socket) => {
      cleanups.push(() => socket.destroy())
      // Signs ioredis in (CLIENT SETNAME, INFO), then falls silent.
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        for (const _ of bytes.toString().matchAll(/setname/gi)) socket.write('+OK\r\n')
        for (const _ of bytes.toString().matchAll(/\r\ninfo\r\n/gi)) socket.write('$9\r\nloading:0\r\n')
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    cleanups.push(() => server.close())
    const address = server.address()
    const redis = await open(`redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, 50)
    await expect(redis.pipeline([['GET', 'k']])).rejects.toBeInstanceOf(RedisAwayError)
  })
})
