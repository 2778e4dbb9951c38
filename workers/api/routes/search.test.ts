import { describe, expect, it } from 'vitest'
import { away, call, person, publish, type TestPerson } from '../testing.ts'

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

  it('finds posts and their hashtags, but no post for who may not see it', async () => {
    const [ann, eve] = [await person(), await person()]
    const word = `q${ann.id}`
    const id = await publish(ann, `found #${word}`)
    const find = (token?: string) => call<Page<{ id: string }>>(`GET /v1/search/posts?q=${word}`, { token })
    await expect.poll(async () => (await find()).body.items.map((post) => post.id), WAIT).toEqual([id])
    await expect.poll(() => tagsLike(word), WAIT).toEqual([{ tag: word, posts: 1 }])
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    expect((await find(eve.token)).body.items).toEqual([])
    await call(`DELETE /v1/posts/${id}`, { token: ann.token })
    expect((await find()).body.items).toEqual([])
    await expect.poll(() => tagsLike(word), WAIT).toEqual([])
  })

  it('tells nobody the hashtags of a private account, not even its followers', async () => {
    const ann = await person({ isPrivate: true })
    const fan = await person()
    await call(`PUT /v1/users/${ann.id}/follow`, { token: fan.token })
    await call(`PUT /v1/me/follow-requests/${fan.id}`, { token: ann.token })
    const word = `h${ann.id}`
    const id = await publish(ann, `secret #${word}`)
    const found = async () =>
      (await call<Page<{ id: string }>>(`GET /v1/search/posts?q=${word}`, { token: fan.token })).body.items
    // The post is in the index by then, and so would its hashtags be.
    await expect.poll(async () => (await found()).map((post) => post.id), WAIT).toEqual([id])
    expect(await tagsLike(word, fan.token)).toEqual([])
    await setPrivate(ann, false)
    await expect.poll(() => tagsLike(word), WAIT).toEqual([{ tag: word, posts: 1 }])
    await setPrivate(ann, true)
    await expect.poll(() => tagsLike(word), WAIT).toEqual([])
  })
})

const tagsLike = async (word: string, token?: string) => {
  const answer = await call<Page<{ tag: string; posts: number }>>(`GET /v1/search/hashtags?q=%23${word}`, { token })
  return answer.body.items.filter(({ tag }) => tag === word)
}

const setPrivate = (who: TestPerson, isPrivate: boolean) =>
  call('PATCH /v1/me', { token: who.token, body: { isPrivate } })
