import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../test/contract/engines.ts'
import { postgresPurges } from './postgres.ts'
import { cloudflarePurge, PURGE_POLICY, purgeOnce } from './purge.ts'
import { jpeg, newId, openStage, type Stage } from './testing.ts'

const ZONE = '023e105f4ecef8ad9ca31a8372d0c353'
const TOKEN = 'a-token-with-cache-purge'

/**
 * An HTTP server that speaks the purge API as its reference says: one kind of key a call, a hundred at most, an envelope
 * around every answer, 429 when the bucket is empty.
 */
interface PurgeApi {
  server: Server
  endpoint: string
  purged: string[][]
  /** Answers the next calls with this status instead. */
  failWith: number[]
}

async function startPurgeApi(): Promise<PurgeApi> {
  const api: PurgeApi = { server: createServer(), endpoint: '', purged: [], failWith: [] }
  api.server.on('request', (request, response) => void answer(api, request, response))
  await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve))
  api.endpoint = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}/client/v4`
  return api
}

async function answer(api: PurgeApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const chunk of request) text += chunk
  const send = (status: number, code: number, message: string) => {
    const errors = status === 200 ? [] : [{ code, message }]
    const result = status === 200 ? { id: '9a7806061c88ada191ed06f989cc3dac' } : null
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ success: status === 200, errors, messages: [], result }))
  }
  const fault = api.failWith.shift()
  if (fault !== undefined) return send(fault, 1134, 'Unable to purge: rate limit reached.')
  if (request.method !== 'POST' || request.url !== `/client/v4/zones/${ZONE}/purge_cache`) {
    return send(404, 7003, 'Could not route to the path.')
  }
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return send(403, 10000, 'Authentication error')
  const { tags, ...others } = JSON.parse(text) as { tags: string[] }
  if (request.headers['content-type'] !== 'application/json' || Object.keys(others).length > 0 || tags.length > 100) {
    return send(400, 1113, 'Unable to purge: bad request.')
  }
  api.purged.push(tags)
  send(200, 0, '')
}

let stage: Stage
let api: PurgeApi
beforeAll(async () => {
  ;[stage, api] = await Promise.all([openStage(), startPurgeApi()])
}, 60_000)
afterAll(async () => {
  await new Promise((resolve) => api.server.close(resolve))
  await stage.close()
})
beforeEach(() => stage.begin())
afterEach(async () => {
  Object.assign(api, { purged: [], failWith: [] })
  await stage.pool.query('delete from cache_purges')
})

const caches = (over: { apiToken?: string; zoneId?: string } = {}) =>
  cloudflarePurge({ zoneId: ZONE, apiToken: TOKEN, endpoint: api.endpoint, ...over })
const clock = () => stage.now

test('tags go to the zone’s purge API, a hundred a call, once the objects have been gone for a while', async () => {
  const purges = postgresPurges(stage.database)
  const tags = Array.from({ length: 130 }, (_, i) => `media:${i}`)
  await purges.request(tags, stage.now)
  expect(await purgeOnce(purges, caches(), clock)).toBe(0)
  expect(api.purged).toEqual([])
  stage.now += PURGE_POLICY.settleMs
  expect(await purgeOnce(purges, caches(), clock)).toBe(100)
  expect(await purgeOnce(purges, caches(), clock)).toBe(30)
  expect(api.purged.map((call) => call.length)).toEqual([100, 30])
  expect(api.purged.flat().sort()).toEqual([...tags].sort())
  expect(await purgeOnce(purges, caches(), clock)).toBe(0)
  expect(api.purged).toHaveLength(2)
})

test.each([429, 500, 403])('an answer of %i loses nothing: the next call purges', async (status) => {
  const purges = postgresPurges(stage.database)
  await purges.request(['media:1'], stage.now - PURGE_POLICY.settleMs)
  api.failWith = [status]
  await expect(purgeOnce(purges, caches(), clock)).rejects.toThrow(`${status} {"success":false`)
  await purgeOnce(purges, caches(), clock)
  expect(api.purged).toEqual([['media:1']])
})

test('a wrong token, another zone and a server that is away are errors that do not name the token', async () => {
  for (const wrong of [caches({ apiToken: 'wrong' }), caches({ zoneId: 'f'.repeat(32) })]) {
    await expect(wrong.byTags(['media:1'])).rejects.toThrow(/did not purge: 40[34]/)
  }
  const away = cloudflarePurge({ zoneId: ZONE, apiToken: TOKEN, endpoint: 'http://127.0.0.1:9', timeoutMs: 500 })
  await expect(away.byTags(['media:1'])).rejects.toThrow(/^(?!.*a-token).*$/)
})

test('what is asked for again while a call is under way is purged again', async () => {
  const purges = postgresPurges(stage.database)
  const past = stage.now - PURGE_POLICY.settleMs
  await purges.request(['media:1', 'media:2'], past)
  const during = {
    async byTags(tags: readonly string[]) {
      await caches().byTags(tags)
      await purges.request(['media:2'], past)
    },
  }
  await purgeOnce(purges, during, clock)
  await purgeOnce(purges, caches(), clock)
  expect(api.purged.map((call) => [...call].sort())).toEqual([['media:1', 'media:2'], ['media:2']])
})

test('a deleted post’s pictures are purged by the tier itself, through outages of the API', async () => {
  const media = await stage.upload(await jpeg())
  const postId = newId()
  await stage.pool.query("insert into posts (post_id, user_id, media_urls, deleted_at) values ($1, $2, '[]', now())", [
    postId,
    stage.user,
  ])
  await stage.pool.query('update media set post_id = $1 where media_id = $2', [postId, media.mediaId])
  const started = stage.open(caches())
  started.start()
  await stage.postDeleted(postId)
  await eventually(async () => (await stage.objectsOf(media.mediaId)).length === 0)
  await eventually(async () => (await stage.pool.query('select 1 from cache_purges')).rows.length === 1)
  await started.close()
  // The loop pauses for longer than a test should wait: a tier that starts looks at once.
  stage.now += PURGE_POLICY.settleMs
  api.failWith = [503]
  const failing = stage.open(caches())
  failing.start()
  await eventually(() => api.failWith.length === 0)
  await failing.close()
  const again = stage.open(caches())
  again.start()
  await eventually(() => api.purged.length === 1)
  await again.close()
  expect(api.purged).toEqual([[`media:${media.mediaId}`]])
})

test('without a zone nothing is kept for a purge that will never come', async () => {
  const media = await stage.upload(await jpeg())
  const postId = newId()
  await stage.pool.query("insert into posts (post_id, user_id, media_urls, deleted_at) values ($1, $2, '[]', now())", [
    postId,
    stage.user,
  ])
  await stage.pool.query('update media set post_id = $1 where media_id = $2', [postId, media.mediaId])
  const started = stage.open()
  started.start()
  await stage.postDeleted(postId)
  await eventually(async () => (await stage.objectsOf(media.mediaId)).length === 0)
  await started.close()
  expect((await stage.pool.query('select 1 from cache_purges')).rows).toEqual([])
})
