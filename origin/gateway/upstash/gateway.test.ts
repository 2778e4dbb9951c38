import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { redisDeployments } from '../../redis/test-deployments.ts'
import { type Body, gatewaySuite, tokens } from './testing.ts'

describe.each(redisDeployments())('Upstash gateway on $name', (engine) => {
  const suite = gatewaySuite(engine)
  const { call } = suite

  describe('encoding', () => {
    const base64 = { 'upstash-encoding': 'base64' }
    const encoded = (text: string): string => Buffer.from(text).toString('base64')

    it('encodes every string but a status OK that stands alone', async () => {
      const commands = [
        ['SET', 'k', 'OK'],
        ['GET', 'k'],
        ['TYPE', 'k'],
        ['MGET', 'k', '{k}no'],
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
        (await fetch(suite.url, { method: 'POST', headers: { authorization: 'Bearer write-token' }, body })).text()
      await send('["SET","big",12345678901234567890]')
      expect(await send('["GET","big"]')).toBe('{"result":"12345678901234567890"}')
      await send('["SET","big",9223372036854775806]')
      expect(await send('["INCR","big"]')).toBe('{"result":9223372036854775807}')
      await send('["MSET","{n}a",1.10,"{n}b",true,"{n}c",-0.5,"{n}d",1e21]')
      expect(await send('["MGET","{n}a","{n}b","{n}c","{n}d"]')).toBe('{"result":["1.10","true","-0.5","1e21"]}')
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
      const answer = await fetch(`${suite.url}/ping?_token=write-token`)
      expect(await answer.json()).toEqual({ result: 'PONG' })
      expect((await fetch(`${suite.url}/ping?_token=wrong`)).status).toBe(401)
    })

    it('refuses broken encodings and other methods', async () => {
      expect((await call('/get/%zz', undefined, {}, 'GET')).status).toBe(400)
      expect((await call('/get/k', undefined, {}, 'DELETE')).status).toBe(405)
    })
  })

  describe('tokens', () => {
    it.each([{}, { authorization: '' }, { authorization: 'Bearer nobody' }])('refuses %o', async (headers) => {
      const response = await fetch(suite.url, { method: 'POST', headers, body: '["GET","k"]' } as RequestInit)
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
      const response = await fetch(suite.url + path, {
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
