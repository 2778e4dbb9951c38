import { expect, it } from 'vitest'
import { type Stage, untilFeedHas, warm } from './stage.ts'
import { until } from './until.ts'

export function relations(on: () => Stage): void {
  const pair = async () => {
    const [author, reader] = await on().people(2)
    return { author, reader }
  }

  it('brings the posts of a new followee into a warm timeline', async () => {
    const { author, reader } = await pair()
    const posts = [await author.post('one'), await author.post('two')]
    await warm(on(), reader)
    expect(await reader.feedIds()).toEqual([])
    await reader.follow(author)
    await untilFeedHas(reader, ...posts)
  })

  it.each([
    ['unfollow', 'DELETE', 'follow', 'PUT', 'follow'],
    ['mute', 'PUT', 'mute', 'DELETE', 'mute'],
  ] as const)(
    '%s holds at the next read, and its undoing brings the posts back',
    async (_, method, path, undo, back) => {
      const { author, reader } = await pair()
      await on().followed(author, reader)
      await warm(on(), reader)
      const post = await author.post('now you see me')
      await untilFeedHas(reader, post)
      for (let round = 0; round < 2; round++) {
        await reader.ask(method, `/v1/users/${author.id}/${path}`)
        expect(await reader.feedIds()).toEqual([])
        const unseen = await author.post(`not for you ${round}`)
        expect(await reader.feedIds()).toEqual([])
        await reader.ask(undo, `/v1/users/${author.id}/${back}`)
        await untilFeedHas(reader, post, unseen)
      }
    },
  )

  it.each(['reader', 'author'] as const)('a block by the %s holds for both at the next read', async (by) => {
    const { author, reader } = await pair()
    await on().followed(author, reader)
    await on().followed(reader, author)
    await warm(on(), reader, author)
    const posts = [await author.post('mine'), await reader.post('theirs')]
    await untilFeedHas(reader, ...posts)
    await untilFeedHas(author, ...posts)
    const [blocker, blocked] = by === 'reader' ? [reader, author] : [author, reader]
    await blocker.ask('PUT', `/v1/users/${blocked.id}/block`)
    expect(await author.feedIds()).toEqual([posts[0]!.id])
    expect(await reader.feedIds()).toEqual([posts[1]!.id])
    expect((await blocked.call('GET', `/v1/posts/${posts[by === 'reader' ? 1 : 0]!.id}`)).status).toBe(404)
    expect((await blocked.call('PUT', `/v1/users/${blocker.id}/follow`)).status).toBe(404)

    // The block ended the follows: they are made again.
    await blocker.ask('DELETE', `/v1/users/${blocked.id}/block`)
    await on().followed(author, reader)
    await untilFeedHas(reader, ...posts)
  })

  it('a deleted post is gone at the next read, for its author and for who follows', async () => {
    const { author, reader } = await pair()
    await on().followed(author, reader)
    await warm(on(), reader)
    const [kept, gone] = [await author.post('kept'), await author.post('gone')]
    await untilFeedHas(reader, kept, gone)
    await author.ask('DELETE', `/v1/posts/${gone.id}`)
    expect(await author.feedIds()).toEqual([kept.id])
    expect(await reader.feedIds()).toEqual([kept.id])
    expect((await reader.call('GET', `/v1/posts/${gone.id}`)).status).toBe(404)
  })

  it("keeps a private account's posts to those whom it has let in", async () => {
    const { author, reader } = await pair()
    await author.ask('PATCH', '/v1/me', { isPrivate: true })
    const post = await author.post('among friends')
    await warm(on(), reader)
    expect((await reader.call('GET', `/v1/posts/${post.id}`)).status).toBe(404)
    expect((await reader.call('GET', `/v1/users/${author.id}/posts`)).status).toBe(403)
    expect(await reader.ask('PUT', `/v1/users/${author.id}/follow`)).toEqual({ state: 'requested' })
    expect(await reader.feedIds()).toEqual([])
    const { items } = await author.ask<{ items: { id: string }[] }>('GET', '/v1/me/follow-requests')
    expect(items.map(({ id }) => id)).toEqual([reader.id])

    await author.ask('PUT', `/v1/me/follow-requests/${reader.id}`)
    await untilFeedHas(reader, post)
    expect((await reader.call('GET', `/v1/posts/${post.id}`)).status).toBe(200)
    await until('the request is gone', async () => {
      const requests = await author.ask<{ items: unknown[] }>('GET', '/v1/me/follow-requests')
      return requests.items.length === 0
    })
  })
}
