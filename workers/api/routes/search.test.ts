import { describe, expect, it } from 'vitest'
import { away, call, person, publish } from '../testing.ts'

type Page<T> = { items: T[]; cursor: string | null }

const WAIT = { timeout: 20_000, interval: 200 }

describe('search', () => {
  it.each(['users', 'hashtags', 'posts'])(
    'of %s says that it is away with its index, and refuses empty and long queries',
    async (kind) => {
      const refused = await call(`GET /v1/search/${kind}?q=boat`, { env: away.origin })
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
      expect((await call(`GET /v1/search/${kind}`)).status).toBe(400)
      expect((await call(`GET /v1/search/${kind}?q=%20`)).status).toBe(400)
      expect((await call(`GET /v1/search/${kind}?q=${'x'.repeat(201)}`)).status).toBe(400)
    },
  )

  it('finds posts and their hashtags, but not for who may not see them', async ({ skip }) => {
    if ((await call('GET /v1/search/posts?q=boat')).status === 503) skip('the origin has no search tier')
    const [ann, eve] = [await person(), await person()]
    const word = `q${ann.id}`
    const id = await publish(ann, `found #${word}`)
    const find = (token?: string) => call<Page<{ id: string }>>(`GET /v1/search/posts?q=${word}`, { token })
    await expect.poll(async () => (await find()).body.items.map((post) => post.id), WAIT).toEqual([id])
    const tags = await call<Page<{ tag: string; posts: number }>>(`GET /v1/search/hashtags?q=%23${word}`)
    expect(tags.body.items[0]).toEqual({ tag: word, posts: 1 })
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    expect((await find(eve.token)).body.items).toEqual([])
    await call(`DELETE /v1/posts/${id}`, { token: ann.token })
    expect((await find()).body.items).toEqual([])
  })
})
