import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import type { Command } from '#core/redis.ts'
import { announce } from '#core/timeline/index.ts'
import { FeedIsolate } from '../feed/isolate.ts'
import { awayRedis, redis } from '../feed/testing.ts'
import { call, person, tokenOf } from '../testing.ts'
import { createRevocations, FRESH_MS } from './revocations.ts'

/** As the origin ends a session that this isolate is not told of. */
const end = (session: string) =>
  redis.pipeline([['SET', keys.revoked(session), 1, 'EX', 60], ...announce([{ kind: 'session', session }], Date.now())])

/** An isolate of its own, at an instant that the test moves. */
function isolateAt(startMs: number, store = redis) {
  const [heard, later, reads] = [new Set<string>(), [] as Promise<void>[], [] as (readonly Command[])[]]
  let now = startMs
  let forgot = 0
  const isolate = new FeedIsolate({ onSessionRevoked: (id) => heard.add(id), onForget: () => forgot++ })
  const counted = {
    pipeline(commands: readonly Command[]) {
      reads.push(commands)
      return store.pipeline(commands)
    },
  }
  const revocations = createRevocations({ redis: counted, isolate, clock: () => now })
  return {
    heard,
    reads,
    forgotten: () => forgot,
    pass: (ms: number) => (now += ms),
    catchUp: () => revocations.catchUp((work) => later.push(work)),
    settle: () => Promise.all(later),
  }
}

describe('an isolate that serves no feed', () => {
  it('waits for the ended sessions when it was idle, and so misses none', async () => {
    const isolate = isolateAt(Date.now())
    await isolate.catchUp()
    const session = crypto.randomUUID()
    await end(session)
    isolate.pass(FRESH_MS + 1)
    expect(isolate.heard).not.toContain(session)
    await isolate.catchUp()
    expect(isolate.heard).toContain(session)
  })

  it('reads them behind the answer while it is busy, once a second whatever the number of requests', async () => {
    const isolate = isolateAt(Date.now())
    await isolate.catchUp()
    const session = crypto.randomUUID()
    await end(session)
    for (let i = 0; i < 100; i++) {
      isolate.pass(11)
      expect(isolate.catchUp()).toBeNull()
    }
    await isolate.settle()
    expect(isolate.heard).toContain(session)
    expect(isolate.reads).toHaveLength(2)
  })

  it('forgets what it remembers when it was idle for longer than ended sessions are told', async () => {
    const isolate = isolateAt(Date.now())
    await isolate.catchUp()
    const before = isolate.forgotten()
    isolate.pass(11 * 60_000)
    await isolate.catchUp()
    expect(isolate.forgotten()).toBe(before + 1)
  })

  it('goes on while Redis is away', async () => {
    const isolate = isolateAt(Date.now(), awayRedis)
    await isolate.catchUp()
    expect(isolate.reads).toHaveLength(1)
    expect(isolate.heard.size).toBe(0)
  })
})

describe('a session that ended elsewhere', () => {
  it.each(['GET /v1/me', 'GET /v1/boards', 'POST /v1/signals', 'GET /v1/feed'])(
    'ends within seconds for a token that this isolate remembers: %s',
    async (verb) => {
      const [ann, sessionId] = [await person(), crypto.randomUUID()]
      const token = await tokenOf(ann.id, { sessionId })
      const ask = async () => {
        const body = verb.startsWith('POST') ? { seen: ['1'] } : undefined
        return (await call(verb, { token, body, env: { REDIS_TIMEOUT_MS: '10000' } as object })).status
      }
      expect(await ask()).toBeLessThan(300)
      expect(await ask()).toBeLessThan(300)
      await end(sessionId)
      await expect.poll(ask, { timeout: 20_000 }).toBe(401)
    },
  )
})
