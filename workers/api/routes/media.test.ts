import { describe, expect, it } from 'vitest'
import { away, call, nextIdIs, type PostAnswer, person, type TestPerson } from '../testing.ts'

interface UploadAnswer {
  id: string
  key: string
  uploads: { url: string; headers: Record<string, string> }[]
  partBytes: number | null
}

/** One red pixel, as PNG. */
const PNG = Uint8Array.from(
  atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'),
  (c) => c.charCodeAt(0),
)
const announced = { contentType: 'image/png', bytes: PNG.byteLength, alt: 'a red dot' }

const begin = (owner: TestPerson, body: unknown = announced, headers = {}) =>
  call<UploadAnswer>('POST /v1/media', { token: owner.token, body, headers })

describe('an upload', () => {
  it('goes from the announcement over the object store into a post', async () => {
    const ann = await person()
    const { status, headers, body } = await begin(ann)
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store'])
    const early = await call('POST /v1/posts', { token: ann.token, body: { mediaIds: [body.id] } })
    expect(early).toMatchObject({ status: 422, body: { code: 'media-unusable' } })

    const [upload] = body.uploads
    const sent = await fetch(upload!.url, { method: 'PUT', headers: upload!.headers, body: PNG })
    expect(sent.status).toBe(200)
    const complete = await call(`POST /v1/media/${body.id}/complete`, { token: ann.token, body: {} })
    expect(complete).toMatchObject({ status: 200, body: { id: body.id, type: 'image', width: 1, height: 1 } })
    expect(await call(`GET /v1/media/${body.id}`, { token: ann.token })).toMatchObject({ status: 200 })
    const post = await call<PostAnswer>('POST /v1/posts', { token: ann.token, body: { mediaIds: [body.id] } })
    expect(post).toMatchObject({ status: 201, body: { media: [{ id: body.id, width: 1, alt: 'a red dot' }] } })
  })

  it('of a large file goes in parts, each of which may be sent again', async () => {
    const ann = await person()
    // What comes after a picture's end is of no account to who reads it.
    const file = new Blob([PNG, new Uint8Array(9 * 1024 * 1024)])
    const { status, body } = await begin(ann, { ...announced, bytes: file.size })
    expect([status, body.uploads.length, body.partBytes]).toEqual([201, 2, 8 * 1024 * 1024])
    const send = async (part: number) => {
      const { url, headers } = body.uploads[part - 1]!
      const bytes = file.slice((part - 1) * body.partBytes!, part * body.partBytes!)
      const answer = await fetch(url, { method: 'PUT', headers, body: await bytes.arrayBuffer() })
      return { part, etag: answer.headers.get('etag') ?? '' }
    }
    const complete = (parts: unknown) =>
      call(`POST /v1/media/${body.id}/complete`, { token: ann.token, body: { parts } })
    const [first] = [await send(1), await send(1)]
    expect(await complete(null)).toMatchObject({ status: 409, body: { code: 'not-uploaded' } })
    const second = await send(2)
    expect(await complete([first])).toMatchObject({ status: 400, body: { code: 'bad-request' } })
    expect(await complete([first, { part: 2, etag: 'another' }])).toMatchObject({
      status: 409,
      body: { code: 'part-mismatch' },
    })
    const done = await complete([first, second])
    expect(done).toMatchObject({ status: 200, body: { id: body.id, width: 1, height: 1 } })
    expect((await complete([first, second])).body).toEqual(done.body)
    const post = await call<PostAnswer>('POST /v1/posts', { token: ann.token, body: { mediaIds: [body.id] } })
    expect(post.status).toBe(201)
  })

  it('comes in one part when a small file’s owner asks for it', async () => {
    const { body } = await begin(await person(), { ...announced, multipart: true })
    expect([body.uploads.length, body.partBytes]).toEqual([1, 8 * 1024 * 1024])
    expect(new URL(body.uploads[0]!.url).searchParams.get('partNumber')).toBe('1')
  })

  it('is its owner’s alone', async () => {
    const [ann, eve] = [await person(), await person()]
    const { body } = await begin(ann)
    expect((await call(`GET /v1/media/${body.id}`, { token: eve.token })).status).toBe(404)
    const stolen = await call(`POST /v1/media/${body.id}/complete`, { token: eve.token, body: {} })
    expect([403, 404]).toContain(stolen.status)
    expect((await call('GET /v1/media/123', { token: ann.token })).status).toBe(404)
    expect((await call('POST /v1/media', { body: announced })).status).toBe(401)
  })

  it('is one upload under one key', async () => {
    const ann = await person()
    const headers = { 'idempotency-key': 'upload-1' }
    const first = await begin(ann, announced, headers)
    expect((await begin(ann, announced, headers)).body.id).toBe(first.body.id)
    expect((await begin(ann, { ...announced, bytes: 5 }, headers)).status).toBe(422)
  })

  it('takes a new id when the first is somebody else’s, and keeps that one under its key', async () => {
    const [ann, bob] = [await person(), await person()]
    const taken = (await begin(ann)).body.id
    nextIdIs(taken)
    const unkeyed = await begin(bob)
    nextIdIs(taken)
    const headers = { 'idempotency-key': 'upload-1' }
    const [keyed, again] = [await begin(bob, announced, headers), await begin(bob, announced, headers)]
    expect([unkeyed.status, keyed.status]).toEqual([201, 201])
    expect(new Set([taken, unkeyed.body.id, keyed.body.id]).size).toBe(3)
    expect(again.body).toEqual(keyed.body)
  })

  it.each([
    [{}, 400],
    [{ contentType: 'text/html', bytes: 10 }, 400],
    [{ ...announced, bytes: 0 }, 400],
    [{ ...announced, multipart: 'yes' }, 400],
    [{ ...announced, sha256: 'short' }, 400],
    [{ ...announced, key: 'media/1/own.png' }, 400],
    [{ contentType: 'image/svg+xml', bytes: 10 }, 415],
    [{ ...announced, bytes: 10 ** 10 }, 413],
  ])('is refused as %j', async (body, status) => {
    expect((await begin(await person(), body)).status).toBe(status)
  })

  it('says clearly that it cannot begin while the origin is away', async () => {
    const ann = await person()
    expect((await call('POST /v1/media', { token: ann.token, body: announced, env: away.origin })).status).toBe(503)
  })
})
