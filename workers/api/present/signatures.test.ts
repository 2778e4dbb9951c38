import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { feedPost } from '#core/feed/index.ts'
import { parseImageUrl, parseSigningKeys, verifyImageRequest } from '#core/image/index.ts'
import { keys } from '#core/keys.ts'
import { readPost } from '#core/timeline/index.ts'
import { call, type PostAnswer, person, picture, services } from '../testing.ts'
import { createSignatures, signPosts } from './signatures.ts'

const HOUR = 3_600_000
const NOW = 500_000 * HOUR + 1_234_567
const signingKeys = parseSigningKeys(
  'new:a-new-secret-of-at-least-32-characters,old:an-old-secret-of-at-least-32-characters',
)

/** What the image Worker says to an address at an instant. */
const opens = (url: string, nowMs: number) =>
  verifyImageRequest(parseImageUrl(url), signingKeys, Math.floor(nowMs / 1000)).then(
    () => true,
    () => false,
  )

describe('signatures of private pictures', () => {
  it('stay the same for an hour, hold for one to two, and are made by the newest key', async () => {
    let now = NOW
    const signatures = createSignatures(signingKeys, () => now)
    const key = 'private/7/abc.jpg'
    const query = async () => (await signatures.of([key])).get(key) ?? ''
    const first = await query()
    expect(first).toContain('kid=new')
    expect(signatures.expires()).toBe(500_002 * 3_600)
    const end = 500_002 * HOUR
    expect(await opens(`/img/medium/${key}?${first}`, end - 1_000)).toBe(true)
    expect(await opens(`/img/medium/${key}?${first}`, end)).toBe(false)
    now = 500_001 * HOUR - 1
    expect(await query()).toBe(first)
    now = 500_001 * HOUR
    expect(await query()).not.toBe(first)
  })

  it('are written into a post once an hour, and cost nothing where nothing is private', async () => {
    let now = NOW
    const signatures = createSignatures(signingKeys, () => now)
    const author = { id: '9', username: 'ann', displayName: '', avatar: null, isPrivate: true }
    const made = (key: string) => {
      const media = [{ mediaId: '7', type: 'image' as const, key, width: 1, height: 1, alt: '', blur: null }]
      const record = { id: '1', userId: '9', caption: '', media, hashtags: [], version: 1, awaitsMedia: false }
      return feedPost(record, author, { likes: 0, comments: 0 }, '')
    }
    const [open, closed] = [made('media/7/abc.jpg'), made('private/7/abc.jpg')]
    await signPosts([open, closed], signatures)
    const [openJson, json, digest] = [open.json, closed.json, closed.digest]
    expect(openJson).not.toContain('exp=')
    const url = /"large":"([^"]+)"/.exec(json)?.[1] ?? ''
    expect(await opens(url, now)).toBe(true)
    now += HOUR
    await signPosts([open, closed], signatures)
    expect(open.json).toBe(openJson)
    expect(closed.json).not.toBe(json)
    expect(closed.digest).not.toBe(digest)
  })
})

describe('the pictures of a private account', () => {
  async function privatePost() {
    const [ann, bob, eve] = [await person({ isPrivate: true }), await person(), await person()]
    const mediaId = await picture(ann.id)
    const key = `private/${mediaId}/abc.jpg`
    await services.db.query(sql`UPDATE media SET key = ${key} WHERE media_id = ${mediaId}::bigint`)
    await call(`PUT /v1/users/${ann.id}/follow`, { token: bob.token })
    await call(`PUT /v1/me/follow-requests/${bob.id}`, { token: ann.token })
    const created = await call<PostAnswer>('POST /v1/posts', { token: ann.token, body: { mediaIds: [mediaId] } })
    return { ann, bob, eve, mediaId, key, created }
  }
  const valid = (url: string | undefined) =>
    verifyImageRequest(parseImageUrl(url ?? ''), services.config.imageSigningKeys, Date.now() / 1000)

  it('have signed addresses for those who may see the post, wherever it is shown, and for nobody else', async () => {
    const { ann, bob, eve, key, created } = await privatePost()
    expect(created.status).toBe(201)
    const { id } = created.body
    const lists = [`GET /v1/users/${ann.id}/posts`, 'GET /v1/feed?mode=following'] as const
    const shown = [created.body, (await call<PostAnswer>(`GET /v1/posts/${id}`, { token: bob.token })).body]
    for (const list of lists) {
      const answer = await call<{ items: PostAnswer[] }>(list, {
        token: bob.token,
        env: { REDIS_TIMEOUT_MS: '10000' } as object,
      })
      expect(
        answer.body.items.map((post) => post.id),
        list,
      ).toContain(id)
      shown.push(...answer.body.items.filter((post) => post.id === id))
    }
    for (const post of shown) {
      expect(post.media[0]?.urls.medium).toContain(`/img/medium/${key}?s=`)
      await expect(valid(post.media[0]?.urls.medium)).resolves.toBeUndefined()
    }
    expect((await call(`GET /v1/posts/${id}`, { token: eve.token })).status).toBe(404)
    // Never stored: what stands in Redis knows the key, and no signature.
    const [text] = await services.redis.pipeline([readPost(id)])
    expect(JSON.stringify(text)).not.toContain('exp=')

    await call(`DELETE /v1/users/${ann.id}/follow`, { token: bob.token })
    expect((await call(`GET /v1/posts/${id}`, { token: bob.token })).status).toBe(404)
    const after = await call<{ items: PostAnswer[] }>(lists[1], {
      token: bob.token,
      env: { REDIS_TIMEOUT_MS: '10000' } as object,
    })
    expect(after.body.items).toEqual([])
  })

  it('do not make the owner’s own picture private', async () => {
    const { ann, mediaId } = await privatePost()
    const changed = await call<{ avatar: string }>('PATCH /v1/me', {
      token: ann.token,
      body: { avatarMediaId: mediaId },
    })
    expect(changed.body.avatar).toContain(`/media/${mediaId}/abc.jpg`)
    expect(changed.body.avatar).not.toContain('?')
    const [user] = await services.redis.pipeline([['HGET', keys.user(ann.id), 'username']])
    expect(user).toBeNull()
  })
})
