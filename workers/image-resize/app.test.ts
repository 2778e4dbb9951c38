import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createBreaker } from '#core/breaker.ts'
import { Observations } from '#core/observations.ts'
import { Problem } from '#core/problem.ts'
import { createAdmission } from './admission.ts'
import { createImageApp, type ImageServices } from './app.ts'
import { type Bindings, readConfig } from './config.ts'
import { wasmEngine } from './engine/wasm.ts'
import { fixture } from './fixtures/images.ts'
import { upload } from './fixtures/worker.ts'
import { type OriginalStore, originalStore } from './originals.ts'
import { edgeVariantCache } from './variant-cache.ts'

/** The Worker with some of its parts exchanged, and what it logs. */
function appWith(exchanged: Partial<ImageServices> | Error) {
  const logged: Record<string, unknown>[] = []
  const app = createImageApp({
    services(bindings) {
      if (exchanged instanceof Error) throw exchanged
      const config = readConfig(bindings)
      return {
        config,
        engine: wasmEngine(),
        admission: createAdmission(),
        cache: edgeVariantCache(caches.default, (message) => logged.push({ message })),
        originals: originalStore(config.store, createBreaker({ failures: 1_000, openMs: 1 }, Date.now)),
        observations: new Observations(0),
        ...exchanged,
      }
    },
    now: () => 1_800_000_000_000,
    newRequestId: () => 'request-1',
    log: (entry) => logged.push(entry),
  })
  const get = async (path: string, init?: RequestInit) => {
    const context = createExecutionContext()
    const request = new Request(`https://img.example.com${path}`, init)
    const response = await app.fetch(request, env as Bindings, context)
    await waitOnExecutionContext(context)
    return response
  }
  return { get, logged }
}

const awayStore = originalStore(
  {
    kind: 's3',
    endpoint: 'http://127.0.0.1:9',
    bucket: 'tideline-media',
    region: 'auto',
    accessKeyId: 'id',
    secretAccessKey: 'secret',
  },
  createBreaker({ failures: 1_000, openMs: 1 }, Date.now),
)

describe('the image Worker', () => {
  it('resizes where the store refuses to say that nothing was made beforehand', async () => {
    await upload('media/9/photo.jpg', fixture('photo.jpg'))
    const config = readConfig(env as Bindings)
    const store = originalStore(config.store, createBreaker({ failures: 1_000, openMs: 1 }, Date.now))
    const refused = new Problem({ status: 502, code: 'store-refused', title: 'The store refused' })
    const withoutListing: OriginalStore = {
      open: (key) => (key.endsWith('.webp') ? Promise.reject(refused) : store.open(key)),
    }
    const { get } = appWith({ originals: withoutListing })
    const response = await get('/img/thumb/media/9/photo.jpg', { headers: { accept: 'image/webp' } })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/webp'])
  })

  it('asks for patience while the store is away, serves what it has, and recovers', async () => {
    await upload('media/3/photo.jpg', fixture('photo.jpg'))
    const [away, well] = [appWith({ originals: awayStore }), appWith({})]
    const refused = await away.get('/img/small/media/3/photo.jpg')
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('cache-control')]).toEqual([
      503,
      '2',
      'no-store',
    ])
    expect(away.logged).toMatchObject([{ code: 'image-store-away', requestId: 'request-1' }])
    expect((await well.get('/img/small/media/3/photo.jpg')).status).toBe(200)
    const served = await away.get('/img/small/media/3/photo.jpg')
    expect([served.status, served.headers.get('server-timing')]).toEqual([200, 'cache;desc=hit'])
  })

  it('counts what its cache had, what was made and how long that took; what the origin does not take goes with the next', async () => {
    await upload('media/6/photo.jpg', fixture('photo.jpg'))
    await upload('private/6/photo.jpg', fixture('photo.jpg'))
    const observations = new Observations(0)
    const config = { ...readConfig(env as Bindings), origin: { url: 'http://127.0.0.1:9', token: 'none' } }
    const { get } = appWith({ observations, config })
    await get('/img/small/media/6/photo.jpg')
    await get('/img/small/media/6/photo.jpg')
    await get('/img/small/private/6/photo.jpg')
    // Each of these was due; nobody listens.
    expect(observations.takeDue(Number.MAX_SAFE_INTEGER)).toEqual({
      answers: [
        { route: 'GET /img/*', status: 200, ms: [[0, 2]] },
        { route: 'GET /img/*', status: 403, ms: [[0, 1]] },
      ],
      reads: [{ layer: 'picture', hits: 1, misses: 1 }],
      degraded: [],
      shed: [],
      opened: [],
      pictures: [
        { stage: 'fetch', ms: [[0, 1]] },
        { stage: 'resize', ms: [[0, 1]] },
      ],
    })
  })

  it('refuses at once what does not fit into memory beside what is there, and forgets the refusal', async () => {
    await upload('media/4/photo.jpg', fixture('photo.jpg'))
    const admission = createAdmission(1_000_000)
    const { get } = appWith({ admission })
    const other = admission.enter(900_000)
    const refused = await get('/img/small/media/4/photo.jpg')
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('cache-control')]).toEqual([
      503,
      '1',
      'no-store',
    ])
    other.leave()
    // As often as it takes to notice a ticket that is not given back.
    for (const width of [150, 320, 480, 640, 750, 1080]) {
      const response = await get(`/img/${width}/media/4/photo.jpg`)
      expect([200, 503]).toContain(response.status)
    }
    expect(() => admission.enter(1_000_000)).not.toThrow()
  })

  it('gives memory back after every kind of refusal', async () => {
    const admission = createAdmission()
    const { get } = appWith({ admission })
    for (const name of ['bomb.jpg', 'truncated.jpg', 'damaged.jpg', 'animated.gif'] as const) {
      await upload(`media/5/${name}`, fixture(name))
      expect((await get(`/img/small/media/5/${name}`)).status).toBeGreaterThanOrEqual(400)
    }
    await get('/img/small/media/5/none.jpg')
    expect(() => admission.enter(96 * 1024 * 1024)).not.toThrow()
  })

  it('says nothing of its inside when it is not configured, and everything in its log', async () => {
    const { get, logged } = appWith(new Error('S3_ENDPOINT is missing'))
    const response = await get('/img/small/media/3/photo.jpg')
    const body = await response.text()
    expect(response.status).toBe(500)
    expect(body).not.toContain('S3_ENDPOINT')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(JSON.stringify(logged)).toContain('S3_ENDPOINT is missing')
  })
})
