import { describe, expect, it } from 'vitest'
import { call, deliver, keptQueue, type PostAnswer, person, publish, type TestPerson } from '../testing.ts'

type Page<T> = { items: T[]; cursor: string | null }

/** Follows, brings the events to the origin as the consumer Worker would, and waits until the inverse rows stand. */
async function followed(who: TestPerson[], whom: TestPerson): Promise<void> {
  const { queue, messages } = keptQueue()
  for (const one of who) {
    await call(`PUT /v1/users/${whom.id}/follow`, { token: one.token, env: { EVENTS: queue } })
  }
  await deliver(messages)
  await expect
    .poll(async () => (await call<Page<unknown>>(`GET /v1/users/${whom.id}/followers`)).body.items.length, {
      timeout: 15_000,
    })
    .toBe(who.length)
}

async function walk<T>(verb: string, token?: string): Promise<T[][]> {
  const pages: T[][] = []
  let cursor: string | null = null
  do {
    const next: string = cursor === null ? '' : `&cursor=${cursor}`
    const { body } = await call<Page<T>>(`${verb}${next}`, { token })
    pages.push(body.items)
    cursor = body.cursor
  } while (cursor !== null && pages.length < 20)
  return pages
}

describe('a person’s posts', () => {
  it('come newest first, page by page, each once', async () => {
    const ann = await person()
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.unshift(await publish(ann, `post ${i}`))
    const pages = await walk<PostAnswer>(`GET /v1/users/${ann.id}/posts?limit=2`)
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
    expect(pages.flat().map((post) => post.id)).toEqual(ids)
  })

  it('are 304 for who has them, until one comes, goes, is liked, or its author has another name', async () => {
    const [ann, bob] = [await person(), await person()]
    const verb = `GET /v1/users/${ann.id}/posts`
    const id = await publish(ann)
    const tag = async () => (await call(verb, { token: bob.token })).headers.get('etag') ?? ''
    const tags = [await tag()]
    const again = await call(verb, { token: bob.token, headers: { 'if-none-match': tags[0] ?? '' } })
    expect(again.status).toBe(304)
    const second = await publish(ann)
    tags.push(await tag())
    await call(`DELETE /v1/posts/${second}`, { token: ann.token })
    expect(await tag()).toBe(tags[0])
    await call(`POST /v1/posts/${id}/like`, { token: bob.token })
    tags.push(await tag())
    await call('PATCH /v1/me', { token: ann.token, body: { displayName: 'Ann the Second' } })
    tags.push(await tag())
    expect(new Set(tags).size).toBe(tags.length)
  })

  it('are an empty page where there are none', async () => {
    const ann = await person()
    expect((await call(`GET /v1/users/${ann.id}/posts`)).body).toEqual({ items: [], cursor: null })
  })

  it('refuse the cursor of another list', async () => {
    const ann = await person()
    await publish(ann)
    await publish(ann)
    const { body } = await call<Page<unknown>>(`GET /v1/users/${ann.id}/posts?limit=1`)
    expect((await call(`GET /v1/users/${ann.id}/followers?cursor=${body.cursor}`)).status).toBe(400)
  })
})

describe('followers, followed and mutuals', () => {
  it('list people, page by page', async () => {
    const star = await person()
    const fans = [await person(), await person(), await person()]
    await followed(fans, star)
    const pages = await walk<{ id: string }>(`GET /v1/users/${star.id}/followers?limit=2`)
    expect(pages.map((page) => page.length)).toEqual([2, 1])
    expect(new Set(pages.flat().map((item) => item.id))).toEqual(new Set(fans.map((fan) => fan.id)))
    const following = await walk<{ id: string }>(`GET /v1/users/${fans[0]!.id}/following?limit=2`)
    expect(following.flat().map((item) => item.id)).toEqual([star.id])
  })

  it('show whom the viewer follows among the followers', async () => {
    const [star, ann, bob, eve] = [await person(), await person(), await person(), await person()]
    await call(`PUT /v1/users/${bob.id}/follow`, { token: ann.token })
    await followed([bob, eve], star)
    const mutuals = await call<Page<{ id: string }>>(`GET /v1/users/${star.id}/mutuals`, { token: ann.token })
    expect(mutuals.body.items.map((item) => item.id)).toEqual([bob.id])
    expect((await call(`GET /v1/users/${star.id}/mutuals`)).status).toBe(401)
  })

  it('leave out who is blocked', async () => {
    const [star, ann, eve] = [await person(), await person(), await person()]
    await followed([ann, eve], star)
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    const seen = await call<Page<{ id: string }>>(`GET /v1/users/${star.id}/followers`, { token: ann.token })
    expect(seen.body.items.map((item) => item.id)).toEqual([ann.id])
  })

  it('of a private account are for its followers', async () => {
    const [priv, eve] = [await person({ isPrivate: true }), await person()]
    for (const list of ['posts', 'followers', 'following']) {
      expect((await call(`GET /v1/users/${priv.id}/${list}`, { token: eve.token })).status).toBe(403)
      expect((await call(`GET /v1/users/${priv.id}/${list}`)).status).toBe(403)
      expect((await call(`GET /v1/users/${priv.id}/${list}`, { token: priv.token })).status).toBe(200)
    }
  })

  it('are 404 for nobody and for who is blocked', async () => {
    const [ann, eve] = [await person(), await person()]
    expect((await call('GET /v1/users/123/posts')).status).toBe(404)
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    expect((await call(`GET /v1/users/${ann.id}/posts`, { token: eve.token })).status).toBe(404)
  })
})
