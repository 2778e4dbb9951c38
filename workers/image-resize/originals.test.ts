import { afterEach, describe, expect, it, vi } from 'vitest'
import { createBreaker } from '#core/breaker.ts'
import { Problem } from '#core/problem.ts'
import { type Original, original, originalStore } from './originals.ts'

const faultOf = async (work: Promise<unknown>) => {
  const fault = await work.catch((caught: unknown) => caught)
  if (fault instanceof Problem) return fault
  throw new Error('it was let through')
}

/** An original whose store says one length and sends chunks of another. */
const sent = (size: number | undefined, ...chunks: number[]): Original =>
  original(
    new ReadableStream({
      start(controller) {
        for (const length of chunks) controller.enqueue(new Uint8Array(length).fill(length))
        controller.close()
      },
    }),
    size,
    undefined,
  )

describe('reading an original', () => {
  it('joins what the store sends', async () => {
    expect(Array.from(await sent(3, 1, 2).read())).toEqual([1, 2, 2])
    expect(await sent(undefined).read()).toHaveLength(0)
  })

  it('stops at the limit, whatever length was announced', async () => {
    const megabytes = Array.from({ length: 21 }, () => 1024 * 1024)
    for (const announced of [undefined, 5, 21 * 1024 * 1024]) {
      expect((await faultOf(sent(announced, ...megabytes).read())).status).toBe(413)
    }
  })

  it('takes a body that ends early for a store that is away', async () => {
    expect((await faultOf(sent(10, 4).read())).status).toBe(503)
  })
})

const AWAY = {
  kind: 's3' as const,
  // Port 9 (discard) is closed on every machine that runs tests.
  endpoint: 'http://127.0.0.1:9',
  bucket: 'tideline-media',
  region: 'auto',
  accessKeyId: 'id',
  secretAccessKey: 'secret',
}

describe('an S3 store that cannot be reached', () => {
  it('is told to the client as a pause, not as a missing picture', async () => {
    const store = originalStore(
      AWAY,
      createBreaker({ failures: 100, openMs: 1_000 }, () => 0),
    )
    const problem = await faultOf(store.open('media/1/photo.jpg'))
    expect([problem.status, problem.headers['retry-after'], problem.headers['cf-resized']]).toEqual([
      503,
      '2',
      'err=9504',
    ])
  })

  it('is left alone after some failures in a row, and asked again a while later', async () => {
    let now = 0
    const breaker = createBreaker({ failures: 2, openMs: 1_000 }, () => now)
    const store = originalStore(AWAY, breaker)
    for (let i = 0; i < 3; i++) expect((await faultOf(store.open('media/1/photo.jpg'))).status).toBe(503)
    expect((await faultOf(store.open('media/1/photo.jpg'))).cause).toBe('left alone for a moment')
    now = 1_000
    expect((await faultOf(store.open('media/1/photo.jpg'))).cause).not.toBe('left alone for a moment')
  })
})

describe('the breaker of an S3 store', () => {
  afterEach(() => void vi.unstubAllGlobals())

  /** A store that gives these answers, one after the other. */
  function answering(...answers: (() => Response)[]) {
    let now = 0
    const breaker = createBreaker({ failures: 2, openMs: 1_000 }, () => now)
    const fetched = vi.fn(async () => (answers.shift() ?? away)())
    vi.stubGlobal('fetch', fetched)
    const store = originalStore(AWAY, breaker)
    const read = async () => (await store.open('media/1/photo.jpg'))?.read()
    return { breaker, read, pass: () => (now += 1_000) }
  }
  const away = () => new Response(null, { status: 500 })
  const refused = () => new Response(null, { status: 403 })
  const missing = () => new Response(null, { status: 404 })
  const short = () => new Response('abc', { headers: { 'content-length': '10' } })
  const large = () => new Response('abc', { headers: { 'content-length': '1000000000' } })
  const whole = () => new Response('abc')

  it.each([refused, missing, large, whole])('is closed by an answer, whatever it is (%s)', async (answer) => {
    const { breaker, read, pass } = answering(away, answer, away, away, answer)
    const tryIt = () => read().catch(() => {})
    for (let i = 0; i < 3; i++) await tryIt()
    expect(breaker.isOpen()).toBe(false)
    await tryIt()
    expect(breaker.isOpen()).toBe(true)
    pass()
    await tryIt()
    expect(breaker.isOpen()).toBe(false)
  })

  it('opens where originals begin to come and break off', async () => {
    const { breaker, read } = answering(short, short)
    for (let i = 0; i < 2; i++) expect((await faultOf(read())).status).toBe(503)
    expect(breaker.isOpen()).toBe(true)
  })
})
