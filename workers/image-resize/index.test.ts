import { beforeAll, describe, expect, it } from 'vitest'
import { presetSigner, signForgetting } from '#core/image/sign.ts'
import { headerOf } from './fixtures/decoded.ts'
import { type FixtureName, fixture, unpackedFixture } from './fixtures/images.ts'
import { nowSeconds, remove, request, signed, signingKey, upload } from './fixtures/worker.ts'

const PHOTO = 'media/1/photo.jpg'
const WEBP = { headers: { accept: 'image/avif,image/webp,image/*,*/*;q=0.8' } }

interface ProblemJson {
  type: string
  title: string
  status: number
  code: string
  detail: string
  instance: string
  requestId: string
}

async function bodyOf(response: Response) {
  return new Uint8Array(await response.arrayBuffer())
}

async function imageOf(response: Response) {
  expect(response.status).toBe(200)
  const { type, width, height } = headerOf(await bodyOf(response))
  expect(response.headers.get('content-type')).toBe(`image/${type}`)
  return `${type} ${width}x${height}`
}

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const body = await response.json<ProblemJson>()
  expect(body.status).toBe(response.status)
  expect(body.detail).toMatch(/\.$/)
  expect(body.requestId).toBe(response.headers.get('x-request-id'))
  return body
}

beforeAll(async () => {
  await upload(PHOTO, fixture('photo.jpg'), 'image/jpeg')
  await upload('private/1/photo.jpg', fixture('photo.jpg'))
})

describe('a public picture', () => {
  it('comes at every preset, by name and by width, never enlarged', async () => {
    const sizes: Record<string, string> = {}
    for (const preset of [
      'thumb',
      '150',
      'small',
      '320',
      '480',
      'medium',
      '640',
      '750',
      'large',
      '1080',
      '1440',
      '2048',
    ]) {
      sizes[preset] = await imageOf(await request(`/img/${preset}/${PHOTO}`))
    }
    expect(sizes.thumb).toBe('jpeg 150x113')
    expect(sizes['150']).toBe('jpeg 150x113')
    expect(sizes.small).toBe('jpeg 320x240')
    for (const large of ['480', 'medium', '640', '750', 'large', '1080', '1440', '2048']) {
      expect(sizes[large]).toBe('jpeg 400x300')
    }
  })

  it('comes in the format that the client accepts', async () => {
    expect(await imageOf(await request(`/img/thumb/${PHOTO}`, WEBP))).toBe('webp 150x113')
    expect(await imageOf(await request(`/img/thumb/${PHOTO}`, { headers: { accept: 'image/*' } }))).toBe('jpeg 150x113')
    expect((await request(`/img/thumb/${PHOTO}`)).headers.get('vary')).toBe('Accept')
    const fixed = await signed(PHOTO, 'w=150,f=png')
    const png = await request(fixed, WEBP)
    expect(png.headers.get('vary')).toBeNull()
    expect(await imageOf(png)).toBe('png 150x113')
  })

  it('says that it may be kept by all, for a week, unchanged', async () => {
    const response = await request(`/img/small/${PHOTO}`)
    const header = (name: string) => response.headers.get(name)
    expect(header('cache-control')).toBe('public, max-age=604800, immutable')
    expect(header('etag')).toBe('W/"wasm-1-plain"')
    expect(header('cache-tag')).toBe('media:1')
    expect(header('x-content-type-options')).toBe('nosniff')
    expect(header('content-security-policy')).toContain('sandbox')
    expect(header('cross-origin-resource-policy')).toBe('cross-origin')
    expect(header('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(Number(header('content-length'))).toBe((await bodyOf(response)).length)
  })

  it('keeps the request id that came with the request', async () => {
    const response = await request(`/img/small/${PHOTO}`, { headers: { 'x-request-id': 'abc-123-def' } })
    expect(response.headers.get('x-request-id')).toBe('abc-123-def')
    const odd = await request(`/img/small/${PHOTO}`, { headers: { 'x-request-id': 'a b<script>' } })
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('is made once and then comes from the cache, byte for byte, however its address is spelled', async () => {
    await upload('media/2/once.jpg', fixture('photo.jpg'))
    const first = await request('/img/medium/media/2/once.jpg', WEBP)
    expect(first.headers.get('server-timing')).toMatch(/fetch;dur=.*resize;dur=/)
    const bytes = await bodyOf(first)
    await remove('media/2/once.jpg')
    for (const path of ['/img/medium', '/img/640', '/img/w=640,q=75', '/cdn-cgi/image/width=320,dpr=2']) {
      const again = await request(`${path}/media/2/once.jpg`, WEBP)
      expect(again.headers.get('server-timing'), path).toBe('cache;desc=hit')
      expect(again.headers.get('cache-control')).toBe('public, max-age=604800, immutable')
      expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
      expect(again.headers.get('content-type')).toBe('image/webp')
      expect(await bodyOf(again)).toEqual(bytes)
    }
    expect((await request('/img/medium/media/2/once.jpg')).status).toBe(404)
  })

  it('comes as the media tier has made it, where it has, in the presets that pages show, to who takes WebP', async () => {
    await upload('media/7/photo.jpg', fixture('photo.jpg'))
    const prepared = fixture('lossy.webp')
    for (const preset of ['thumb', 'small', 'medium', 'large']) {
      await upload(`media/7/photo-${preset}.webp`, prepared, 'image/webp')
      for (const path of [`/img/${preset}`, `/cdn-cgi/image/${preset}`]) {
        const response = await request(`${path}/media/7/photo.jpg`, WEBP)
        expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/webp'])
        expect(response.headers.get('server-timing')).not.toContain('resize')
        expect(await bodyOf(response)).toEqual(prepared)
      }
    }
    expect(await imageOf(await request('/img/thumb/media/7/photo.jpg'))).toBe('jpeg 150x113')
    expect(await imageOf(await request('/img/480/media/7/photo.jpg', WEBP))).toBe('webp 400x300')
  })

  it('is made anew where what stands prepared is no WebP', async () => {
    await upload('media/8/photo.jpg', fixture('photo.jpg'))
    await upload('media/8/photo-thumb.webp', fixture('truncated.jpg'), 'image/webp')
    expect(await imageOf(await request('/img/thumb/media/8/photo.jpg', WEBP))).toBe('webp 150x113')
  })

  it('is not sent again to those who have it', async () => {
    const path = `/img/small/${PHOTO}`
    const etag = (await request(path)).headers.get('etag') ?? ''
    for (const given of [etag, etag.replace('W/', ''), `"other", ${etag}`]) {
      const response = await request(path, { headers: { 'if-none-match': given } })
      expect(response.status).toBe(304)
      expect(response.headers.get('etag')).toBe(etag)
      expect(response.headers.get('cache-control')).toContain('immutable')
      expect((await bodyOf(response)).length).toBe(0)
    }
    const webp = await request(path, { headers: { ...WEBP.headers, 'if-none-match': etag } })
    expect(webp.status).toBe(200)
  })

  it('answers HEAD like GET, without the body', async () => {
    const get = await request(`/img/small/${PHOTO}`)
    const head = await request(`/img/small/${PHOTO}`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect((await bodyOf(head)).length).toBe(0)
    for (const name of ['content-type', 'etag', 'cache-control', 'vary', 'content-length']) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name))
    }
  })

  it.each([
    ['w=200,h=200,fit=cover', 'jpeg 200x200'],
    ['w=200,h=200,fit=contain', 'jpeg 200x150'],
    ['w=200,h=200,fit=pad,background=000', 'jpeg 200x200'],
    ['w=600,h=100,fit=crop,g=top', 'jpeg 400x100'],
    ['h=90', 'jpeg 120x90'],
    ['w=100,dpr=3', 'jpeg 300x225'],
    ['w=111,f=webp,q=1', 'webp 111x83'],
    ['w=111,f=avif', 'webp 111x83'],
    ['w=111,f=png', 'png 111x83'],
    ['w=111,f=baseline-jpeg,q=high', 'jpeg 111x83'],
  ])('takes the signed options %s', async (options, expected) => {
    expect(await imageOf(await request(await signed(PHOTO, options)))).toBe(expected)
  })

  it('with a signature that ends is kept no longer than that', async () => {
    const response = await request(await signed(PHOTO, 'w=210', nowSeconds() + 90))
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=(8\d|90)$/)
    expect((await request(await signed(PHOTO, 'w=210', nowSeconds() - 1))).status).toBe(403)
  })
})

describe('a deleted picture', () => {
  it('is forgotten in every preset and format when the API says so, and by nobody else’s word', async () => {
    const key = 'media/9/gone.jpg'
    await upload(key, fixture('photo.jpg'))
    const looks = ['thumb', 'medium', '2048'].flatMap((preset) =>
      [WEBP, {}].map((init) => () => request(`/img/${preset}/${key}`, init)),
    )
    for (const look of looks) await bodyOf(await look())
    for (const path of [`/img/thumb/${key}`, await signed(key, 'w=150', nowSeconds() + 60)]) {
      expect((await request(path, { method: 'DELETE' })).status).toBe(403)
    }
    const forgotten = await request(await signForgetting(key, signingKey, nowSeconds() + 60), { method: 'DELETE' })
    expect([forgotten.status, forgotten.headers.get('cache-control')]).toEqual([204, 'no-store'])
    // Also while the original is still there: nothing is made of it again.
    for (const look of looks) expect((await look()).status).toBe(404)
    await remove(key)
    for (const look of looks) expect((await look()).status).toBe(404)
  })
})

describe('a private picture', () => {
  const key = 'private/1/photo.jpg'

  it('opens in all presets with one signature, in both forms, for HEAD too, and lies in no cache', async () => {
    const key = 'private/2/photo.jpg'
    await upload(key, fixture('photo.jpg'))
    const query = await presetSigner(signingKey)(key, nowSeconds() + 60)
    for (const path of ['/img/thumb', '/img/640', '/cdn-cgi/image/width=320,dpr=2']) {
      const response = await request(`${path}/${key}?${query}`)
      expect(await imageOf(response), path).toMatch(/^jpeg/)
      expect(response.headers.get('cache-control')).toMatch(/^private, max-age=(5\d|60)$/)
      expect(response.headers.get('cache-tag')).toBeNull()
      const etag = response.headers.get('etag') ?? ''
      const again = await request(`${path}/${key}?${query}`, { headers: { 'if-none-match': etag } })
      expect([again.status, again.headers.get('cache-control')?.startsWith('private')]).toEqual([304, true])
      expect((await request(`${path}/${key}`, { headers: { 'if-none-match': etag } })).status).toBe(403)
      expect((await request(`${path}/${key}?${query}`, { method: 'HEAD' })).status).toBe(200)
    }
    expect((await request(`/img/w=641/${key}?${query}`)).status).toBe(403)
    await remove(key)
    for (const path of ['/img/thumb', '/img/640']) {
      expect((await request(`${path}/${key}?${query}`)).status, path).toBe(404)
    }
  })

  it('needs a signature, and is kept by the viewer alone, for what is left of it', async () => {
    expect((await problemOf(await request(`/img/medium/${key}`))).code).toBe('image-signature-required')
    const path = await signed(key, 'medium', nowSeconds() + 60)
    for (let i = 0; i < 2; i++) {
      const response = await request(path)
      expect(await imageOf(response)).toBe('jpeg 400x300')
      expect(response.headers.get('cache-control')).toMatch(/^private, max-age=(5\d|60)$/)
      expect(response.headers.get('server-timing')).not.toContain('hit')
    }
  })

  it('says nothing about itself to shared caches, not even that it is missing', async () => {
    const missing = await request(await signed('private/1/none.jpg', 'medium', nowSeconds() + 60))
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'no-store'])
    const unsigned = await request(`/img/medium/${key}`)
    expect([unsigned.status, unsigned.headers.get('cache-control')]).toEqual([403, 'no-store'])
  })
})

describe('refusals', () => {
  it.each([
    ['/img/w=0/media/1/photo.jpg', 400, 'image-options-invalid', 'err=9401'],
    ['/cdn-cgi/image/blur=9/media/1/photo.jpg', 400, 'image-options-invalid', 'err=9401'],
    ['/cdn-cgi/image/w=640/https://example.com/a.jpg', 400, 'image-source-invalid', 'err=9401'],
    ['/img/medium/media/1/..%2f..%2fphoto.jpg', 400, 'image-source-invalid', 'err=9401'],
    ['/img/w=641/media/1/photo.jpg', 403, 'image-signature-required', 'err=9401'],
    ['/img/w=641/media/1/photo.jpg?s=AAAA', 403, 'image-signature-invalid', 'err=9401'],
    ['/img/medium/media/1/photo.jpg?s=AAAA', 403, 'image-signature-invalid', 'err=9401'],
    ['/img/medium/media/1/none.jpg', 404, 'image-not-found', 'err=9404'],
    ['/img/medium/media/1/drawing.svg', 415, 'image-type-unsupported', 'err=9520'],
    ['/robots.txt', 404, 'not-found', null],
  ])('%s: %i %s', async (path, status, code, resized) => {
    const response = await request(path)
    expect(await problemOf(response)).toMatchObject({ status, code })
    expect(response.headers.get('cf-resized')).toBe(resized)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('cache-control')).toMatch(/^(public, max-age=\d{2,3}|no-store)$/)
  })

  const svg = new TextEncoder().encode('<?xml version="1.0"?><!-- a drawing --><svg onload="alert(1)"/>')
  it.each<[string, FixtureName | Uint8Array, string | undefined, number, string]>([
    ['bomb.jpg', 'bomb.jpg', undefined, 413, 'image-too-many-pixels'],
    ['truncated.jpg', 'truncated.jpg', undefined, 422, 'image-undecodable'],
    ['damaged.jpg', 'damaged.jpg', undefined, 422, 'image-undecodable'],
    ['gif-as.jpg', 'animated.gif', undefined, 415, 'image-type-unsupported'],
    ['gif.gif', 'animated.gif', undefined, 415, 'image-type-unsupported'],
    ['avif.avif', 'tiny.avif', undefined, 415, 'image-type-unsupported'],
    ['png-as.jpg', 'rgb.png', undefined, 415, 'image-type-mismatch'],
    ['declared.jpg', 'photo.jpg', 'text/html', 415, 'image-type-mismatch'],
    ['svg-as.jpg', svg, undefined, 415, 'image-type-unsupported'],
    ['text.jpg', new TextEncoder().encode('<html>'), undefined, 415, 'image-type-mismatch'],
    ['empty.jpg', new Uint8Array(), undefined, 415, 'image-type-mismatch'],
    ['animated.webp', 'animated.webp', undefined, 415, 'image-type-unsupported'],
    ['huge.jpg', new Uint8Array(20 * 1024 * 1024 + 1), undefined, 413, 'image-too-large'],
    ['half-header.jpg', new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 16]), undefined, 422, 'image-undecodable'],
  ])('%s is judged before it is decoded, and the verdict is kept', async (name, content, contentType, status, code) => {
    const key = `media/bad/${name.replace('.', '_')}.${name.split('.')[1]}`
    await upload(key, typeof content === 'string' ? fixture(content) : content, contentType)
    const first = await request(`/img/small/${key}`)
    expect(await problemOf(first)).toMatchObject({ status, code, instance: `/img/small/${key}` })
    expect(first.headers.get('cache-control')).toBe('public, max-age=60')
    await remove(key)
    const again = await request(`/img/small/${key}`)
    expect(again.status).toBe(status)
    expect(again.headers.get('server-timing')).toBe('cache;desc=hit')
    expect(again.headers.get('cf-resized')).toBe(first.headers.get('cf-resized'))
  })

  it('a PNG that needs more memory than there is comes from its large variant, or not at all', async () => {
    const phone = await unpackedFixture('phone.png.gz')
    await upload('media/big/a.png', phone)
    expect((await problemOf(await request('/img/small/media/big/a.png'))).code).toBe('image-too-large')
    await upload('media/big/b.png', phone)
    await upload('media/big/b-large.jpg', fixture('photo.jpg'))
    expect(await imageOf(await request('/img/small/media/big/b.png'))).toBe('jpeg 320x240')
  })

  it('other methods are told which ones there are', async () => {
    const response = await request(`/img/small/${PHOTO}`, { method: 'POST', body: 'x' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})
