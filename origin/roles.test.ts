import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeferredWrite, IngestResponse } from '#core/origin-api.ts'
import { readConfig } from './config.ts'
import { type Origin, startOrigin } from './main.ts'

const NO_PORTS = { PORT: '0', GATEWAY_PORT: '0', POSTGRES_PORT: '0', REDIS_PORT: '0', S3_PORT: '0' }
const stateDir = mkdtempSync(join(tmpdir(), 'tideline-roles-'))
let origin: Origin

beforeAll(async () => {
  const env = { STATE_DIR: stateDir, LOG_LEVEL: 'silent', REDIS_URL: 'embedded', ROLES: 'ingest', ...NO_PORTS }
  origin = await startOrigin({ config: readConfig(env) })
}, 60_000)
afterAll(async () => {
  await origin?.close()
  rmSync(stateDir, { recursive: true, force: true })
})

const post = (path: string, body: unknown) =>
  fetch(`http://127.0.0.1:${origin.port}/internal/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${origin.config.secrets.SERVICE_TOKEN}` },
    body: JSON.stringify(body),
  })

describe('a process with the role ingest alone', () => {
  it('applies likes from the queue by itself', async () => {
    const like: DeferredWrite = {
      kind: 'engagement.like',
      input: { postId: '7', authorId: '2', userId: '1', at: 5 },
      traceparent: null,
    }
    const batch = { queue: 'deferred-writes', messages: [{ id: 'a', attempts: 1, body: like }] }
    const { results } = (await (await post('ingest', batch)).json()) as IngestResponse
    expect(results).toEqual([{ id: 'a', outcome: 'done' }])
    expect(await origin.engines.engagement.likers('7', 10, null)).toEqual([{ userId: '1', at: 5 }])
  })

  it('answers no calls of other roles', async () => {
    expect((await post('engagement.like', { postId: '7', authorId: '2', userId: '1', at: 5 })).status).toBe(404)
  })
})
