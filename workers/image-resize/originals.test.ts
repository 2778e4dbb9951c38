import { describe, expect, it } from 'vitest'
import { createBreaker } from '#core/breaker.ts'
import { Problem } from '#core/problem.ts'
import { type Original, originalStore, readOriginal } from './originals.ts'

const faultOf = async (work: Promise<unknown>) => {
  const fault = await work.catch((caught: unknown) => caught)
  if (fault instanceof Problem) return fault
  throw new Error('it was let through')
}

/** An original whose store says one length and sends chunks of another. */
const sent = (size: number | undefined, ...chunks: number[]): Original => ({
  size,
  contentType: undefined,
  body: new ReadableStream({
    start(controller) {
      for (const length of chunks) controller.enqueue(new Uint8Array(length).fill(length))
      controller.close()
    },
  }),
})

describe('reading an original', () => {
  it('joins what the store sends', async () => {
    expect(Array.from(await readOriginal(sent(3, 1, 2)))).toEqual([1, 2, 2])
    expect(await readOriginal(sent(undefined))).toHaveLength(0)
  })

  it('stops at the limit, whatever length was announced', async () => {
    const megabytes = Array.from({ length: 21 }, () => 1024 * 1024)
    for (const announced of [undefined, 5, 21 * 1024 * 1024]) {
      expect((await faultOf(readOriginal(sent(announced, ...megabytes)))).status).toBe(413)
    }
  })

  it('takes a body that ends early for a store that is away', async () => {
    expect((await faultOf(readOriginal(sent(10, 4)))).status).toBe(503)
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
