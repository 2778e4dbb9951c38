/** What the gateway makes of a cluster's nodes: one Redis, as far as there can be one. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FEED_POLICY, readFeed } from '#core/feed/index.ts'
import { keys } from '#core/keys.ts'
import { redisDeployments } from '../../../redis/test-deployments.ts'
import { gatewaySuite } from '../testing.ts'

const deployments = redisDeployments()
const server = deployments.find(({ name }) => name === 'redis-server')
const cluster = deployments.find(({ isCluster }) => isCluster)

const people = Array.from({ length: 40 }, (_, n) => String(n))

describe.skipIf(server === undefined || cluster === undefined)('the gateway before a cluster', () => {
  const { call } = gatewaySuite(cluster!)
  const result = async (...command: (string | number)[]) => (await call('/', command)).body.result as unknown
  const fill = () =>
    call(
      '/pipeline',
      people.map((n) => ['SET', `k${n}`, n]),
    )

  it('counts, lists and empties all nodes', async () => {
    await fill()
    const all = people.map((n) => `k${n}`).sort()
    expect(await result('DBSIZE')).toBe(people.length)
    expect(((await result('KEYS', '*')) as string[]).sort()).toEqual(all)
    expect(all).toContain(await result('RANDOMKEY'))
    const { body } = await call('/pipeline', [
      ['GET', 'k1'],
      ['FLUSHALL'],
      ['GET', 'k1'],
      ['SET', 'k1', 'new'],
      ['DBSIZE'],
    ])
    expect(body).toEqual(['1', 'OK', null, 'OK', 1].map((value) => ({ result: value })))
    expect(await result('RANDOMKEY')).toBe('k1')
  })

  it.each([{}, { 'upstash-encoding': 'base64' }])('walks all nodes with SCAN (%o)', async (headers) => {
    await fill()
    const decode = (text: string) => ('upstash-encoding' in headers ? Buffer.from(text, 'base64').toString() : text)
    const found = new Set<string>()
    let cursor = '0'
    let calls = 0
    do {
      const { body } = await call('/', ['SCAN', cursor, 'COUNT', 5], headers)
      const [next, page] = body.result as unknown as [string, string[]]
      cursor = decode(next)
      for (const key of page) found.add(decode(key))
      calls++
    } while (cursor !== '0')
    expect([...found].sort()).toEqual(people.map((n) => `k${n}`).sort())
    expect(calls).toBeGreaterThan(3)
    expect((await call('/', ['SCAN', 'x'])).body.error).toBe('ERR invalid cursor')
  })

  it('loads a script into every node', async () => {
    const sha = await result('SCRIPT', 'LOAD', 'return {KEYS[1], ARGV[1]}')
    expect(await result('SCRIPT', 'EXISTS', String(sha), '0'.repeat(40))).toEqual([1, 0])
    const { body } = await call(
      '/pipeline',
      people.map((n) => ['EVALSHA', String(sha), 1, `k${n}`, 'x']),
    )
    expect(body).toEqual(people.map((n) => ({ result: [`k${n}`, 'x'] })))
  })

  it('refuses keys in several slots, in the words of Redis', async () => {
    const text = "CROSSSLOT Keys in request don't hash to the same slot"
    expect(await call('/', ['SINTER', 'a', 'b'])).toMatchObject({ status: 400, body: { error: text } })
    const mixed = await call('/pipeline', [
      ['SET', 'a', 1],
      ['SINTER', 'a', 'b'],
      ['GET', 'a'],
    ])
    expect(mixed.body).toEqual([{ result: 'OK' }, { error: text }, { result: '1' }])
    expect(
      await call('/multi-exec', [
        ['INCR', 'a'],
        ['INCR', 'b'],
      ]),
    ).toMatchObject({ status: 400, body: { error: text } })
    expect(await call('/multi-exec', [['INCR', 'a'], ['FLUSHALL']])).toMatchObject({ status: 400 })
    expect(await result('GET', 'a')).toBe('1')
    const together = await call('/multi-exec', [['INCR', 'x{a}'], ['PING'], ['INCR', 'y{a}']])
    expect(together.body).toEqual([{ result: 1 }, { result: 'PONG' }, { result: 1 }])
  })

  it('reads MGET where its keys lie', async () => {
    await fill()
    await call('/', ['SADD', 'set', 'x'])
    expect(await result('MGET', 'k1', 'nothing', 'k2', 'set', 'k1')).toEqual(['1', null, '2', null, '1'])
    const { body } = await call('/pipeline', [
      ['GET', 'k3'],
      ['MGET', 'k4', 'k5'],
      ['MGET', 'k6'],
      ['GET', 'k7'],
    ])
    expect(body).toEqual(['3', ['4', '5'], ['6'], '7'].map((value) => ({ result: value })))
    const encoded = await call('/', ['MGET', 'k1', 'k2'], { 'upstash-encoding': 'base64' })
    expect(encoded.body.result).toEqual(['MQ==', 'Mg=='])
  })

  it('has no MONITOR', async () => {
    const answer = await call('/monitor')
    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringMatching(/MONITOR/) } })
  })

  it("answers a feed's pipeline, and posts of all nodes beside it", async () => {
    const posts = people.map((n) => ['SET', keys.post(n), n])
    await call('/pipeline', posts)
    const feed = readFeed('7', FEED_POLICY)
    const { body } = await call('/pipeline', [...feed, ...people.map((n) => ['GET', keys.post(n)])])
    const answers = body as unknown as { result: unknown }[]
    expect(answers).toHaveLength(feed.length + people.length)
    expect(answers.slice(feed.length).map((answer) => answer.result)).toEqual(people)
  })

  describe('beside one server', () => {
    const single = gatewaySuite(server!)

    const key = fc.integer({ min: 0, max: 8 }).map((n) => `key ${n} 🌊`)
    const text = fc.constantFrom('1', 'x', '', 'naïve "quoted"', 'OK', '🌊\r\n')
    const command = fc.oneof(
      fc.tuple(fc.constantFrom('GET', 'INCR', 'TYPE', 'DEL', 'STRLEN', 'LLEN', 'HGETALL', 'SCARD'), key),
      fc.tuple(fc.constant('MGET'), key, key),
      fc.tuple(fc.constantFrom('SET', 'APPEND', 'LPUSH', 'SADD', 'HGET'), key, text),
      fc.tuple(fc.constant('HSET'), key, text, text),
      fc.tuple(fc.constant('ZADD'), key, fc.constantFrom('1.5', '-inf', 'x'), text),
      fc.tuple(fc.constant('ZRANGE'), key, fc.constant('0'), fc.constant('-1'), fc.constant('WITHSCORES')),
      fc.tuple(fc.constant('EVAL'), fc.constant('return {1, KEYS[1], false, {ARGV[1]}}'), fc.constant('1'), key, text),
      fc.constantFrom(
        ['NOPE'],
        ['DBSIZE'],
        ['PING'],
        ['CONFIG', 'GET', '*'],
        ['CLIENT', 'SETINFO', 'LIB-NAME', 'x'],
        ['GET'],
      ),
    )

    it('answers any pipeline alike', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 25 }), fc.boolean(), async (commands, base64) => {
          const headers: Record<string, string> = base64 ? { 'upstash-encoding': 'base64' } : {}
          const answers = await Promise.all([single.call, call].map((ask) => ask('/pipeline', commands, headers)))
          const [one, many] = answers.map(({ status, body }) => ({ status, body }))
          expect(many).toEqual(one)
        }),
        { numRuns: 200 },
      )
    })
  })
})
