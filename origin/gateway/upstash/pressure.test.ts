/** What the gateway does when Redis is slow, gone, or asked for too much. */
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { redisEngines } from '../../redis/test-engines.ts'
import { type GatewayServer, startUpstashGateway } from './server.ts'
import type { GatewayLimits } from './settings.ts'

const token = 'token'
const engines = redisEngines()
const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function gatewayFor(
  url: string,
  limits: Partial<GatewayLimits> = {},
  now: () => number = performance.now.bind(performance),
): Promise<GatewayServer> {
  const gateway = await startUpstashGateway({
    redis: { url },
    tokens: { readWrite: [token], readOnly: [] },
    limits,
    now,
    exposeMetrics: true,
  })
  cleanups.push(() => gateway.close())
  return gateway
}

async function call(gateway: GatewayServer, path: string, body: unknown) {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return {
    status: response.status,
    body: (await response.json()) as { result?: unknown; error?: string },
    retryAfter: response.headers.get('retry-after'),
  }
}

const connected = (gateway: GatewayServer) =>
  expect.poll(async () => (await fetch(`${gateway.url}/health`)).status).toBe(200)

/** A server that signs everybody in and then says nothing: a Redis that hangs. */
async function hangingRedis(): Promise<{ url: string; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', () => socket.write('+OK\r\n+PONG\r\n'))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `redis://127.0.0.1:${address.port}`, server, sockets }
}

describe('a Redis that is away', () => {
  it('is answered for at once with 503 and Retry-After, and found again when it is back', async () => {
    for (const engine of engines) {
      const first = await engine.start()
      const gateway = await gatewayFor(first.url)
      await connected(gateway)
      await first.close()
      await expect.poll(async () => (await fetch(`${gateway.url}/health`)).status).toBe(503)
      const away = await call(gateway, '/pipeline', [['GET', 'k']])
      expect(away).toMatchObject({ status: 503, retryAfter: '1' })
      expect(away.body.error).toMatch(/not reachable/)
      expect((await call(gateway, '/subscribe/c', [])).status).toBe(503)
      const second = await engine.start(first.port)
      cleanups.push(() => second.close())
      await connected(gateway)
      expect((await call(gateway, '/', ['PING'])).body).toEqual({ result: 'PONG' })
    }
  })

  it('answers 502 to what was under way when the connection broke', async () => {
    const redis = await hangingRedis()
    const gateway = await gatewayFor(redis.url)
    await connected(gateway)
    const waiting = call(gateway, '/', ['INCR', 'k'])
    await expect.poll(async () => (await health(gateway)).inFlightCommands).toBe(1)
    for (const socket of redis.sockets) socket.destroy()
    expect((await waiting).status).toBe(502)
  })
})

async function health(gateway: GatewayServer): Promise<{ inFlightCommands: number; streams: number }> {
  return (await (await fetch(`${gateway.url}/health`)).json()) as { inFlightCommands: number; streams: number }
}

describe('a Redis that was made a replica', () => {
  it('is connected to anew after READONLY, without refusing anything in between', async () => {
    let connections = 0
    const server = createServer((socket) => {
      const reply = connections++ === 0 ? "-READONLY You can't write against a read only replica.\r\n" : '+OK\r\n'
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        socket.write(bytes.includes('SETNAME') ? '+OK\r\n+PONG\r\n' : reply)
      })
      cleanups.push(() => socket.destroy())
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    cleanups.push(() => server.close())
    const address = server.address()
    const gateway = await gatewayFor(`redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
    await connected(gateway)
    const statuses: number[] = []
    await expect
      .poll(async () => statuses.push((await call(gateway, '/', ['SET', 'k', 'v'])).status) && statuses.at(-1))
      .toBe(200)
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([400]))
  })
})

describe('a Redis that hangs', () => {
  it('is answered for with 504, then given up and connected to anew', async () => {
    const redis = await hangingRedis()
    const gateway = await gatewayFor(redis.url, { commandTimeoutMs: 50 })
    await connected(gateway)
    const [before] = redis.sockets
    expect((await call(gateway, '/', ['GET', 'k'])).status).toBe(504)
    await expect.poll(() => redis.sockets.size === 1 && !redis.sockets.has(before!)).toBe(true)
  })

  it('is told of by /health once a command has waited for a second, and no longer than it is silent', async () => {
    const redis = await hangingRedis()
    let aheadMs = 0
    const gateway = await gatewayFor(redis.url, {}, () => aheadMs)
    await connected(gateway)
    const waiting = call(gateway, '/', ['GET', 'k'])
    await expect.poll(async () => (await health(gateway)).inFlightCommands).toBe(1)
    await connected(gateway)
    aheadMs = 1_000
    const told = await fetch(`${gateway.url}/health`)
    expect(told.status).toBe(503)
    expect(await told.json()).toMatchObject({ status: 'unavailable', redis: 'silent' })
    for (const socket of redis.sockets) socket.write('$-1\r\n')
    expect((await waiting).body).toEqual({ result: null })
    await connected(gateway)
  })

  it('holds a bounded number of commands and bytes', async () => {
    const redis = await hangingRedis()
    const gateway = await gatewayFor(redis.url, { inFlightCommands: 5, inFlightBytes: 5_000 })
    await connected(gateway)
    const waiting = call(gateway, '/pipeline', Array(4).fill(['GET', 'k']))
    await expect.poll(async () => (await health(gateway)).inFlightCommands).toBe(4)
    expect(await call(gateway, '/', ['SET', 'k', 'x'.repeat(10_000)])).toMatchObject({ status: 503, retryAfter: '1' })
    expect(await call(gateway, '/pipeline', Array(2).fill(['GET', 'k']))).toMatchObject({
      status: 503,
      retryAfter: '1',
    })
    for (const socket of redis.sockets) socket.destroy()
    await waiting
  })
})

describe('limits', () => {
  it('let go of what is least urgent first when many requests are under way', async () => {
    const redis = await hangingRedis()
    const gateway = await gatewayFor(redis.url, { requests: 10 })
    await connected(gateway)
    const ask = (priority: string) =>
      fetch(gateway.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, ...(priority === '' ? {} : { priority }) },
        body: JSON.stringify(['GET', 'k']),
      })
    const under: Promise<Response>[] = []
    for (const [priority, room] of [
      ['u=7', 4],
      ['u=5', 6],
      ['', 8],
      ['u=1', 10],
    ] as const) {
      while (under.length < room) under.push(ask(priority))
      await expect.poll(async () => (await health(gateway)).inFlightCommands, { timeout: 20_000 }).toBe(room)
      const refused = await ask(priority)
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
      expect(await refused.json()).toEqual({ error: 'ERR too many requests, try again' })
    }
    for (const socket of redis.sockets) socket.destroy()
    await Promise.all(under)
  })

  it('bound how many blocking commands wait, and for how long', async () => {
    const redis = await hangingRedis()
    const gateway = await gatewayFor(redis.url, { blockingTimeoutMs: 100, blockingConnections: 1 })
    await connected(gateway)
    const first = call(gateway, '/', ['BLPOP', 'none', 0])
    const second = call(gateway, '/', ['XREAD', 'BLOCK', 0, 'STREAMS', 'none', '$'])
    expect((await Promise.all([first, second])).map(({ status }) => status).sort()).toEqual([503, 504])
    await expect.poll(() => redis.sockets.size).toBe(1)
  })

  it('bound pipelines, answers and streams', async () => {
    const [engine] = engines
    const redis = await engine!.start()
    cleanups.push(() => redis.close())
    const gateway = await gatewayFor(redis.url, { pipelineCommands: 3, replyBytes: 1000, streams: 1 })
    await connected(gateway)

    const many = await call(gateway, '/pipeline', Array(4).fill(['PING']))
    expect(many.status).toBe(400)
    expect(many.body.error).toMatch(/too many commands/)

    await call(gateway, '/', ['SET', 'long', 'x'.repeat(2000)])
    expect((await call(gateway, '/', ['GET', 'long'])).status).toBe(507)

    const stream = await fetch(`${gateway.url}/subscribe/c?_token=${token}`)
    expect(stream.status).toBe(200)
    expect((await call(gateway, '/subscribe/c', [])).status).toBe(503)
    await stream.body?.cancel()
    await expect.poll(async () => (await health(gateway)).streams).toBe(0)
  })
})

describe('streams', () => {
  it('show MONITOR as Upstash does, forge no event from a payload, and end when Redis goes', async () => {
    for (const engine of engines) {
      const redis = await engine.start()
      const gateway = await gatewayFor(redis.url)
      await connected(gateway)
      const monitor = lines(await fetch(`${gateway.url}/monitor?_token=${token}`))
      const news = lines(await fetch(`${gateway.url}/subscribe/news?_token=${token}`))
      await expect.poll(() => news.text).toBe('data: subscribe,news,1\n\n')
      await expect.poll(() => monitor.text).toMatch(/^data: "OK"\n\n/)
      await call(gateway, '/', ['PUBLISH', 'news', 'one\ntwo\r\ndata: message,news,three'])
      await expect
        .poll(() => news.text)
        .toContain('data: message,news,one\ndata: two\ndata: data: message,news,three\n\n')
      await expect.poll(() => monitor.text).toMatch(/\ndata: [\d.]+ \[0 .*\] "PUBLISH" "news" /i)
      await redis.close()
      await Promise.all([monitor.ended, news.ended])
    }
  })

  it('keep a silent connection open with comments', async () => {
    const [engine] = engines
    const redis = await engine!.start()
    cleanups.push(() => redis.close())
    const gateway = await gatewayFor(redis.url, { streamHeartbeatMs: 20 })
    await connected(gateway)
    const stream = lines(await fetch(`${gateway.url}/psubscribe/*?_token=${token}`))
    await expect.poll(() => stream.text).toContain(': keep-alive\n\n: keep-alive\n\n')
    await stream.cancel()
  })
})

/** Collects a stream's text as it comes. */
function lines(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const collected = { text: '', ended: Promise.resolve(), cancel: () => reader.cancel() }
  collected.ended = (async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      collected.text += value
    }
  })()
  return collected
}

describe('metrics', () => {
  it('count commands, errors and requests by route and status', async () => {
    const [engine] = engines
    const redis = await engine!.start()
    cleanups.push(() => redis.close())
    const gateway = await gatewayFor(redis.url)
    await connected(gateway)
    await call(gateway, '/pipeline', [['PING'], ['NOPE'], ['PING']])
    const text = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(text).toContain('upstash_gateway_commands_total 3')
    expect(text).toContain('upstash_gateway_command_errors_total 1')
    expect(text).toContain('upstash_gateway_request_duration_seconds_count{route="pipeline",status="200"} 1')
    expect(text).toContain('upstash_gateway_redis_up 1')
    expect(text).toContain('upstash_gateway_in_flight_commands 0')
  })
})
