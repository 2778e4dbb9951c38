import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Person, PostAnswer } from './person.ts'
import { type Stage, untilFeedHas } from './stage.ts'
import { until } from './until.ts'

interface Upload {
  id: string
  uploads: { url: string; headers: Record<string, string> }[]
}

export const photo = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#336699' } })
    .jpeg()
    .toBuffer()
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

export async function upload(
  person: Person,
  bytes: Buffer,
  announced: object = {},
): Promise<{ id: string; put: number }> {
  const wanted = { contentType: 'image/jpeg', bytes: bytes.length, sha256: sha256(bytes), ...announced }
  const { id, uploads } = await person.ask<Upload>('POST', '/v1/media', wanted)
  // The length is sent as it is, whatever was announced.
  const { 'content-length': _, ...headers } = uploads[0]!.headers
  const response = await fetch(uploads[0]!.url, { method: 'PUT', body: bytes, headers })
  await response.text()
  return { id, put: response.status }
}

export function media(on: () => Stage): void {
  it('takes a photo by direct upload and serves it in every size', async () => {
    const [author, reader] = await on().people(2)
    await on().followed(author, reader)
    const { id, put } = await upload(author, await photo(2_000, 1_500), { alt: 'a blue field' })
    expect(put).toBe(200)
    expect(await author.ask('POST', `/v1/media/${id}/complete`, {})).toMatchObject({ id, width: 2_000, height: 1_500 })
    const post = await author.ask<PostAnswer>('POST', '/v1/posts', { caption: 'look', mediaIds: [id] })
    await untilFeedHas(reader, post)
    const [shown] = (await reader.feed()).items
    expect(shown?.media[0]).toMatchObject({ id, alt: 'a blue field', width: 2_000, height: 1_500, type: 'image' })
    const { thumb, small, medium, large } = shown!.media[0]!.urls
    for (const [url, width, height] of [
      [thumb, 150, 113],
      [small, 320, 240],
      [medium, 640, 480],
      [large, 1_080, 810],
    ] as const) {
      const response = await on().system.fetch(url, { headers: { accept: 'image/webp,*/*' } })
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('public, max-age=604800, immutable')
      expect(response.headers.get('content-type')).toBe('image/webp')
      expect(await sharp(await response.bytes()).metadata()).toMatchObject({ format: 'webp', width, height })
    }
    const plain = await on().system.fetch(small, { headers: { accept: 'image/jpeg' } })
    expect(plain.headers.get('content-type')).toBe('image/jpeg')
    expect(plain.headers.get('vary')?.toLowerCase()).toContain('accept')
    await plain.body?.cancel()
    const again = await on().system.fetch(small, {
      headers: { accept: 'image/jpeg', 'if-none-match': plain.headers.get('etag') ?? 'none' },
    })
    expect(again.status).toBe(304)
    await until("the origin's metrics have what the image Worker counted", async () => {
      await (await on().system.fetch(thumb)).body?.cancel()
      const { port, config } = on().system.origin
      const headers = { authorization: `Bearer ${config.secrets.SERVICE_TOKEN}` }
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text()
      const found = ['hit', 'miss'].map((outcome) => `tideline_edge_reads_total{layer="picture",outcome="${outcome}"} `)
      return [...found, 'tideline_edge_picture_seconds_count{stage="resize"} '].every((name) => text.includes(name))
    })
    await until('the blur placeholder is there', async () => {
      const state = await author.ask<{ state: string; blur: string | null }>('GET', `/v1/media/${id}`)
      return state.state === 'ready' && state.blur !== null
    })
  })

  it('forgets a deleted photo at once where it was deleted, but not the one beside its author’s name', async () => {
    const [author] = await on().people(1)
    const mediaIds: string[] = []
    for (const width of [300, 310]) {
      const { id } = await upload(author, await photo(width, 200))
      await author.ask('POST', `/v1/media/${id}/complete`, {})
      mediaIds.push(id)
    }
    await author.ask('PATCH', '/v1/me', { avatarMediaId: mediaIds[1] })
    const post = await author.ask<PostAnswer>('POST', '/v1/posts', { mediaIds })
    const { thumb, medium } = post.media[0]!.urls
    const statusOf = async (url: string) => {
      const response = await on().system.fetch(url, { headers: { accept: 'image/webp' } })
      await response.body?.cancel()
      return response.status
    }
    expect([await statusOf(thumb), await statusOf(medium)]).toEqual([200, 200])
    await author.ask('DELETE', `/v1/posts/${post.id}`)
    // The answer does not wait for it.
    await until('no cache shows it', async () => (await statusOf(thumb)) === 404 && (await statusOf(medium)) === 404)
    expect(await statusOf(post.media[1]!.urls.medium)).toBe(200)
  })

  describe('refuses an upload', () => {
    const cases: [string, () => Promise<Buffer>, object][] = [
      ['that is no image', async () => Buffer.from('<html>not a picture</html>'), {}],
      ['of another length than announced', () => photo(300, 200), { bytes: 100_000 }],
      ['of another content than announced', () => photo(300, 200), { sha256: 'a'.repeat(64) }],
      ['of another type than announced', () => photo(300, 200), { contentType: 'image/png' }],
      ['that ends too early', async () => (await photo(300, 200)).subarray(0, 500), {}],
    ]
    it.each(cases)('%s', async (_, bytes, announced) => {
      const [author] = await on().people(1)
      const { id } = await upload(author, await bytes(), announced)
      const complete = await author.call<{ code: string }>('POST', `/v1/media/${id}/complete`, {})
      expect(complete.status).toBeGreaterThanOrEqual(400)
      expect(complete.status).toBeLessThan(500)
      expect(complete.headers.get('content-type')).toContain('application/problem+json')
      expect(complete.body.code).toBeTruthy()
      const post = await author.call('POST', '/v1/posts', { caption: 'with it', mediaIds: [id] })
      expect(post).toMatchObject({ status: 422, body: { code: 'media-unusable' } })
      expect(await author.feedIds()).toEqual([])
    })

    it('of somebody else', async () => {
      const [author, other] = await on().people(2)
      const { id } = await upload(author, await photo(300, 200))
      const complete = await other.call('POST', `/v1/media/${id}/complete`, {})
      expect([403, 404]).toContain(complete.status)
      expect((await other.call('GET', `/v1/media/${id}`)).status).toBe(404)
      expect((await other.call('POST', '/v1/posts', { mediaIds: [id] })).status).toBe(422)
    })
  })
}
