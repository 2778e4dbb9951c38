import { expect, it } from 'vitest'
import { parseSigningKeys, presetSigner, signImagePath } from '#core/image/index.ts'
import { photo, upload } from './media.ts'
import type { Person, PostAnswer } from './person.ts'
import { type Stage, untilFeedHas } from './stage.ts'
import { until } from './until.ts'

export function privateMedia(on: () => Stage): void {
  const publish = async (author: Person) => {
    const { id } = await upload(author, await photo(800, 600))
    await author.ask('POST', `/v1/media/${id}/complete`, {})
    return author.ask<PostAnswer>('POST', '/v1/posts', { caption: 'for friends', mediaIds: [id] })
  }
  const setPrivate = (person: Person, isPrivate: boolean) => person.ask('PATCH', '/v1/me', { isPrivate })
  const mediumOf = async (reader: Person, { id }: { id: string }) =>
    (await reader.ask<PostAnswer>('GET', `/v1/posts/${id}`)).media[0]?.urls.medium ?? ''
  const look = async (url: string) => {
    const response = await on().system.fetch(url, { headers: { accept: 'image/webp' } })
    const { code } = response.headers.get('content-type')?.includes('json')
      ? ((await response.json()) as { code: string })
      : { code: '' }
    if (!response.bodyUsed) await response.body?.cancel()
    return { status: response.status, code, headers: response.headers }
  }
  /** `private/<id>/<name>.<ext>` of an address, and the address without its signature. */
  const bare = (url: string) => url.slice(0, url.indexOf('?'))
  const keyOf = (url: string) => /(?:private|media)\/[^?]+/.exec(url)?.[0] ?? ''
  const signingKey = () => parseSigningKeys(on().system.origin.config.secrets.IMAGE_SIGNING_KEYS)[0]!
  const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow

  it('a private picture is seen by followers, through signed addresses that expire, and by nobody else', async () => {
    const [author, follower, stranger] = await on().people(3)
    await on().followed(author, follower)
    await setPrivate(author, true)
    const post = await publish(author)
    await untilFeedHas(follower, post)
    const shown = (await follower.feed()).items.find((item) => item.id === post.id)
    const { thumb, small, medium, large } = shown!.media[0]!.urls
    for (const url of [thumb, small, medium, large]) {
      expect(url).toMatch(/\/img\/[a-z]+\/private\/.+\?s=.+&kid=.+&exp=\d+$/)
      for (let i = 0; i < 2; i++) {
        const seen = await look(url)
        expect(seen.status).toBe(200)
        const left = Number(/^private, max-age=(\d+)$/.exec(seen.headers.get('cache-control') ?? '')?.[1])
        expect(left).toBeGreaterThan(3_500)
        expect(left).toBeLessThanOrEqual(7_200)
        expect(seen.headers.get('cache-tag')).toBeNull()
        expect(seen.headers.get('server-timing') ?? '').not.toContain('hit')
      }
    }
    expect((await stranger.call('GET', `/v1/posts/${post.id}`)).status).toBe(404)

    // In all three forms of an address, and for every way to do without a signature.
    const key = keyOf(medium)
    const query = medium.slice(medium.indexOf('?'))
    for (const form of [`/img/medium/${key}`, `/img/w=333/${key}`, `/cdn-cgi/image/width=640/${key}`]) {
      const unsigned = await look(form)
      expect([unsigned.status, unsigned.code, unsigned.headers.get('cache-control')], form).toEqual([
        403,
        'image-signature-required',
        'no-store',
      ])
      expect((await look(`${form}?s=forged&exp=${seconds(60)}`)).code).toBe('image-signature-invalid')
    }
    expect((await look(`/cdn-cgi/image/width=640/${key}${query}`)).status).toBe(200)
    expect((await look(`/img/w=333/${key}${query}`)).status).toBe(403)
    expect((await look(await signImagePath(key, 'w=333', signingKey(), seconds(60)))).status).toBe(200)
    const expired = await presetSigner(signingKey())(key, seconds(-1))
    expect(await look(`${bare(medium)}?${expired}`)).toMatchObject({ status: 403, code: 'image-signature-expired' })
    expect((await look(bare(medium).replace('/private/', '/media/'))).status).toBe(404)
    // Nor does the object store show it to the world.
    const { engines, config } = on().system.origin
    const stored = await fetch(`${engines.objectsEndpoint}/${config.objects.bucket}/${key}`)
    await stored.body?.cancel()
    expect(stored.status).toBe(403)

    // Whoever has left gets no address any more.
    await follower.ask('DELETE', `/v1/users/${author.id}/follow`)
    expect(await follower.feedIds()).toEqual([])
    expect((await follower.call('GET', `/v1/posts/${post.id}`)).status).toBe(404)
  })

  it('pictures move with an account that turns private, and back: old addresses are void', async () => {
    const [author, follower] = await on().people(2)
    await on().followed(author, follower)
    const post = await publish(author)
    const open = await mediumOf(follower, post)
    expect(await look(open)).toMatchObject({ status: 200 })

    await setPrivate(author, true)
    await until('the picture has moved', async () => (await mediumOf(follower, post)).includes('/private/'))
    const closed = await mediumOf(follower, post)
    expect((await look(closed)).status).toBe(200)
    // Other sizes were never asked for, so no cache has them; the one that was is purged where a zone is configured.
    await until('the old original is gone', async () => {
      return (await look(open.replace('/medium/', '/480/'))).status === 404
    })
    await until('feeds have the new address', async () => {
      const item = (await follower.feed()).items.find(({ id }) => id === post.id)
      return keyOf(item?.media[0]?.urls.medium ?? '') === keyOf(closed)
    })

    await setPrivate(author, false)
    await until('the picture has moved back', async () => !(await mediumOf(follower, post)).includes('/private/'))
    const again = await mediumOf(follower, post)
    expect(keyOf(again)).not.toBe(keyOf(open))
    expect((await look(again)).headers.get('cache-control')).toBe('public, max-age=604800, immutable')
    await until('the signed address is void', async () => (await look(closed)).status === 404)
  })

  it('the picture beside a name is for everyone, of a private account too', async () => {
    const [author, stranger] = await on().people(2)
    await setPrivate(author, true)
    const { id } = await upload(author, await photo(300, 300))
    expect(await author.ask<{ key: string }>('POST', `/v1/media/${id}/complete`, {})).toMatchObject({
      key: expect.stringMatching(/^private\//),
    })
    await author.ask('PATCH', '/v1/me', { avatarMediaId: id })
    const { avatar } = await stranger.ask<{ avatar: string }>('GET', `/v1/users/${author.username}`)
    expect(keyOf(avatar)).toMatch(/^media\//)
    expect((await look(avatar)).headers.get('cache-control')).toBe('public, max-age=604800, immutable')
  })
}
