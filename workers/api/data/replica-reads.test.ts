/**
 * Which reads go to a replica, through the API. The replica of these tests is the database itself under a second name, so that
 * both know the same; what only Redis knows (a block that the rows do not show) tells who was asked.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { keys, SENTINEL } from '#core/keys.ts'
import { away, call, env, person, publish, services, type TestPerson } from '../testing.ts'

type Page = { items: { id: string; author?: { id: string } }[]; cursor: string | null }

const NEAR = { DATABASE_REPLICA_URL: env.DATABASE_URL } as Partial<ApiEnv>
const GONE = {
  DATABASE_REPLICA_URL: 'postgres://u:p@replica.gone/db',
  DATABASE_REPLICA_HTTP_URL: away.postgres.DATABASE_HTTP_URL,
} as Partial<ApiEnv>

/** What the origin says of replicas while it watches one that is near. */
const vouched = (verdict = '0') => services.redis.pipeline([['SET', keys.replicas(), verdict, 'PX', 60_000]])
/** Hides somebody from a reader in Redis, which a list from the primary does not ask. */
const hideInRedis = (reader: TestPerson, target: TestPerson) =>
  services.redis.pipeline([['SADD', keys.hidden(reader.id), SENTINEL, `b:${target.id}`]])

/** Somebody who follows one whom Redis alone knows to be blocked: shown by the primary, not by the replica. */
async function readerOfList() {
  const [reader, target] = [await person(), await person()]
  const follow = await call(`PUT /v1/users/${target.id}/follow`, { token: reader.token })
  expect(follow.status).toBe(200)
  await hideInRedis(reader, target)
  const following = async (changes: Partial<ApiEnv>) => {
    const { status, body } = await call<Page>(`GET /v1/users/${reader.id}/following`, {
      token: reader.token,
      env: changes,
    })
    expect(status).toBe(200)
    return body.items.map(({ id }) => id)
  }
  return { reader, target, following }
}

afterEach(() => services.redis.pipeline([['DEL', keys.replicas()]]))

describe('a list, where there is a replica', () => {
  it('comes from there while the origin vouches for it, without whom the reader blocks', async () => {
    const { target, following } = await readerOfList()
    expect(await following(NEAR)).toEqual([target.id])
    await vouched()
    expect(await following(NEAR)).toEqual([])
    await vouched('')
    expect(await following(NEAR)).toEqual([target.id])
  })

  it('comes from the primary for whoever has just written, in whichever isolate', async () => {
    const { reader, target, following } = await readerOfList()
    await vouched()
    expect(await following(NEAR)).toEqual([])
    await call('POST /v1/posts', { token: reader.token, body: { caption: 'now' }, env: NEAR })
    expect(await following({ ...NEAR, ACCESS_LOG: 'faults' } as Partial<ApiEnv>)).toEqual([target.id])
    const [left] = await services.redis.pipeline([['PTTL', keys.wrote(reader.id)]])
    expect(left).toBeGreaterThan(10_000)
    await services.redis.pipeline([['DEL', keys.wrote(reader.id)]])
    expect(await following(NEAR)).toEqual([])
  })

  it('comes from the primary for a reader whose blocks Redis does not know', async () => {
    const { reader, target, following } = await readerOfList()
    await vouched()
    await services.redis.pipeline([['DEL', keys.hidden(reader.id)]])
    expect(await following(NEAR)).toEqual([target.id])
  })

  it('comes from the primary when the replica does not answer, and when Redis does not', async () => {
    const author = await person()
    const post = await publish(author)
    await vouched()
    for (const changes of [GONE, { ...NEAR, ...away.redis }]) {
      const { status, body } = await call<Page>(`GET /v1/users/${author.id}/posts`, { env: changes })
      expect([status, body.items.map(({ id }) => id)]).toEqual([200, [post]])
    }
  })

  it('leaves a replica alone that does not answer, by its own name: Postgres is there', async () => {
    const author = await person()
    await vouched()
    for (let i = 0; i < 5; i++) await call(`GET /v1/users/${author.id}/posts`, { env: GONE })
    const health = await call<{ leftAlone: string[] }>('GET /health', { env: GONE })
    expect(health.body.leftAlone).toEqual(['replica'])
  })

  it('stays closed to whom the account is private', async () => {
    const author = await person({ isPrivate: true })
    const reader = await person()
    await vouched()
    await services.redis.pipeline([['SADD', keys.hidden(reader.id), SENTINEL]])
    const answer = await call(`GET /v1/users/${author.id}/posts`, { token: reader.token, env: NEAR })
    expect(answer.status).toBe(403)
  })
})

it('without a replica nobody is noted for writing', async () => {
  const writer = await person()
  await publish(writer)
  expect(await services.redis.pipeline([['EXISTS', keys.wrote(writer.id)]])).toEqual([0])
})
