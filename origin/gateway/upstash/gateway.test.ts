import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from '@upstash/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type RunningRedis, redisEngines } from '../../redis/test-engines.ts'
import { type GatewayServer, startUpstashGateway } from './server.ts'

/** An answer: one entry, or a pipeline's entries by place. */
interface Body {
  result: string
  error: string
  [place: number]: { result: number | string | string[] }
}

const tokens = { readWrite: ['write-token'], readOnly: ['read-token'] }

describe.each(redisEngines())('Upstash gateway on $name', (engine) => {
  let server: RunningRedis
  let gateway: GatewayServer

  beforeAll(async () => {
    server = await engine.start()
    gateway = await startUpstashGateway({ redis: { url: server.url }, tokens, limits: { bodyBytes: 100_000 } })
    await vi.waitFor(async () => expect((await fetch(`${gateway.url}/health`)).status).toBe(200))
  })
  afterAll(async () => {
    await gateway.close()
    await server.close()
  })
  beforeEach(() => call('/', ['FLUSHALL']))

  /** One request without the SDK. */
  async function call(path: string, body?: unknown, headers: Record<string, string> = {}, method = 'POST') {
    const response = await fetch(gateway.url + path, {
      method,
      headers: { authorization: 'Bearer write-token', ...headers },
      ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
    } as RequestInit)
    return { status: response.status, body: (await response.json()) as Body, headers: response.headers }
  }
  const sdk = (options = {}): Redis =>
    new Redis({ url: gateway.url, token: 'write-token', enableTelemetry: false, ...options })

  describe('with the SDK', () => {
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
      await redis.zadd(
        'timeline',
        { score: 1_790_000_000_001, member: 'p1' },
        { score: 1_790_000_000_002, member: 'p2' },
      )
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

  describe('encoding', () => {
    const base64 = { 'upstash-encoding': 'base64' }
    const encoded = (text: string): string => Buffer.from(text).toString('base64')

    it('encodes every string but a status OK that stands alone', async () => {
      const commands = [
        ['SET', 'k', 'OK'],
        ['GET', 'k'],
        ['TYPE', 'k'],
        ['MGET', 'k', 'no'],
        ['INCR', 'n'],
        ['EVAL', "return {redis.status_reply('OK'), {redis.status_reply('OK'), 'x'}}", '0'],
      ]
      const { body } = await call('/pipeline', commands, base64)
      const ok = encoded('OK')
      expect(body).toEqual([
        { result: 'OK' },
        { result: ok },
        { result: encoded('string') },
        { result: [ok, null] },
        { result: 1 },
        { result: [ok, [ok, encoded('x')]] },
      ])
    })

    it('carries any bytes', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      expect((await call('/set/bytes', bytes)).body).toEqual({ result: 'OK' })
      const exact = await call('/get/bytes', undefined, base64)
      expect(Buffer.from(exact.body.result, 'base64')).toEqual(Buffer.from(bytes))
      const plain = await call('/get/bytes')
      expect(plain.body.result).toBe(new TextDecoder().decode(bytes))
    })

    it('carries numbers as they were written', async () => {
      const send = async (body: string) =>
        (await fetch(gateway.url, { method: 'POST', headers: { authorization: 'Bearer write-token' }, body })).text()
      await send('["SET","big",12345678901234567890]')
      expect(await send('["GET","big"]')).toBe('{"result":"12345678901234567890"}')
      await send('["SET","big",9223372036854775806]')
      expect(await send('["INCR","big"]')).toBe('{"result":9223372036854775807}')
      await send('["MSET","a",1.10,"b",true,"c",-0.5,"d",1e21]')
      expect(await send('["MGET","a","b","c","d"]')).toBe('{"result":["1.10","true","-0.5","1e21"]}')
    })
  })

  describe('path form', () => {
    it('takes the command from the path, the value from the body and options from the query', async () => {
      const set = await call('/set/a%20key%2F1?EX=100&NX', Buffer.from('{"json":true}'))
      expect(set.body).toEqual({ result: 'OK' })
      expect((await call('/get/a%20key%2F1', undefined, {}, 'GET')).body).toEqual({ result: '{"json":true}' })
      expect((await call('/ttl/a%20key%2F1', undefined, {}, 'GET')).body.result).toBeGreaterThan(90)
    })

    it('takes the token from the query', async () => {
      const answer = await fetch(`${gateway.url}/ping?_token=write-token`)
      expect(await answer.json()).toEqual({ result: 'PONG' })
      expect((await fetch(`${gateway.url}/ping?_token=wrong`)).status).toBe(401)
    })

    it('refuses broken encodings and other methods', async () => {
      expect((await call('/get/%zz', undefined, {}, 'GET')).status).toBe(400)
      expect((await call('/get/k', undefined, {}, 'DELETE')).status).toBe(405)
    })
  })

  describe('tokens', () => {
    it.each([{}, { authorization: '' }, { authorization: 'Bearer nobody' }])('refuses %o', async (headers) => {
      const response = await fetch(gateway.url, { method: 'POST', headers, body: '["GET","k"]' } as RequestInit)
      expect(response.status).toBe(401)
      expect(response.headers.get('upstash-sync-token')).toBeTruthy()
      expect(((await response.json()) as Body).error).toMatch(/^WRONGPASS /)
    })

    it('lets a read-only token read and nothing else', async () => {
      const headers = { authorization: 'Bearer read-token' }
      const commands = [
        ['SET', 'k', 'v'],
        ['GET', 'k'],
        ['EVAL', 'return 1', '0'],
        ['ZRANGE', 'z', 0, -1],
      ]
      const { status, body } = await call('/pipeline', commands, headers)
      expect(status).toBe(200)
      expect(body).toEqual([
        { error: "NOPERM this user has no permissions to run the 'set' command or its subcommand" },
        { result: null },
        { error: "NOPERM this user has no permissions to run the 'eval' command or its subcommand" },
        { result: [] },
      ])
      expect((await call('/', ['DEL', 'k'], headers)).status).toBe(400)
      expect(
        (
          await call(
            '/multi-exec',
            [
              ['GET', 'k'],
              ['INCR', 'k'],
            ],
            headers,
          )
        ).status,
      ).toBe(400)
      expect((await call('/monitor', undefined, headers)).status).toBe(400)
    })
  })

  describe('commands that do not belong on a shared connection', () => {
    it.each([
      'SUBSCRIBE c',
      'MONITOR',
      'WATCH k',
      'MULTI',
      'EXEC',
      'SELECT 1',
      'CLIENT KILL ID 1',
      'AUTH x',
      'HELLO 3',
      'QUIT',
      'CONFIG GET *',
      'SHUTDOWN',
      'DEBUG SLEEP 9',
      'REPLICAOF host 1',
      'MIGRATE host 1 k 0 9',
    ])('refuses %s', async (command) => {
      const answer = await call('/', command.split(' '))
      expect(answer.status).toBe(400)
      expect(answer.body.error).toMatch(/^ERR Command is not available: /)
      expect((await call('/', ['PING'])).body).toEqual({ result: 'PONG' })
    })

    it('lets a blocking command wait without holding up anybody else', async () => {
      if (!engine.blocks) {
        expect((await call('/', ['BLPOP', 'list', 10])).body.error).toMatch(/unknown command/i)
        return
      }
      const waiting = call('/', ['BLPOP', 'list', 10])
      let answered = false
      waiting.then(() => (answered = true)).catch(() => undefined)
      for (let i = 0; i < 20; i++) await call('/', ['SET', `k${i}`, 'v'])
      expect(answered).toBe(false)
      await call('/', ['RPUSH', 'list', 'x'])
      expect((await waiting).body).toEqual({ result: ['list', 'x'] })
    })

    it('acknowledges CLIENT SETINFO, which the SDK offers', async () => {
      expect((await call('/', ['CLIENT', 'SETINFO', 'LIB-NAME', 'x'])).body).toEqual({ result: 'OK' })
    })
  })

  describe('requests', () => {
    it.each([
      ['/', 'no json'],
      ['/', '{}'],
      ['/', '[]'],
      ['/', '[["GET","k"]]'],
      ['/', '["GET",null]'],
      ['/pipeline', '["GET","k"]'],
      ['/pipeline', '[]'],
      ['/pipeline', '[[]]'],
      ['/multi-exec', 'null'],
    ])('answers 400 to %s with %s', async (path, body) => {
      const response = await fetch(gateway.url + path, {
        method: 'POST',
        headers: { authorization: 'Bearer write-token' },
        body,
      })
      expect(response.status).toBe(400)
      expect(((await response.json()) as Body).error).toMatch(/^ERR /)
      expect(response.headers.get('content-type')).toBe('application/json')
    })

    it('gives every answer a sync token of its own, errors included', async () => {
      const answers = await Promise.all([call('/', ['PING']), call('/', ['PING']), call('/', ['NOPE']), call('/', 1)])
      const seen = answers.map(({ headers }) => headers.get('upstash-sync-token'))
      expect(new Set(seen).size).toBe(4)
      expect(seen).not.toContain(null)
    })

    it('answers 413 to a body that is too long, and keeps the connection', async () => {
      expect((await call('/', ['SET', 'k', 'x'.repeat(200_000)])).status).toBe(413)
      expect((await call('/', ['EXISTS', 'k'])).body).toEqual({ result: 0 })
    })

    it('keeps concurrent requests and transactions apart', async () => {
      const work = Array.from({ length: 200 }, async (_, i) => {
        const key = `k${i}`
        if (i % 2 === 0) {
          const { body } = await call('/pipeline', [['SET', key, i], ['GET', key], ['NOPE'], ['MGET', key, key]])
          expect([body[1]?.result, body[3]?.result]).toEqual([String(i), [String(i), String(i)]])
        } else {
          const { body } = await call('/multi-exec', [
            ['INCR', 'shared'],
            ['INCR', 'shared'],
          ])
          expect(body[1]?.result).toBe(Number(body[0]?.result) + 1)
        }
      })
      await Promise.all(work)
      expect((await call('/', ['GET', 'shared'])).body).toEqual({ result: '200' })
    })
  })
})

describe('a server shared with other handlers', () => {
  it('leaves alone what is not below the prefix', async () => {
    const { createUpstashGateway } = await import('./index.ts')
    const gateway = createUpstashGateway({ redis: { url: 'redis://127.0.0.1:1' }, tokens, pathPrefix: '/redis/' })
    const server = createServer((request, response) => {
      if (!gateway.handle(request, response)) response.end('other')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await (await fetch(`${url}/sql`)).text()).toBe('other')
    expect(await (await fetch(`${url}/redistribute`)).text()).toBe('other')
    expect((await fetch(`${url}/redis`, { method: 'POST' })).status).toBe(401)
    expect((await fetch(`${url}/redis/pipeline`, { method: 'POST' })).status).toBe(401)
    expect(['/redis', '/redis/', '/redis/get/k', '/redis?_token=x'].every(gateway.handlesPath)).toBe(true)
    await gateway.close()
    server.close()
  })
})
