import { expect, it } from 'vitest'
import type { PostAnswer } from './person.ts'
import { type Stage, untilFeedHas } from './stage.ts'
import { until } from './until.ts'

export function engagement(on: () => Stage): void {
  it('counts likes and comments exactly, after double taps and changes of mind', async () => {
    const [author, ...readers] = await on().people(5)
    const post = await author.post('tap me')
    for (const reader of readers) await on().followed(author, reader)
    const like = `/v1/posts/${post.id}/like`
    await Promise.all(readers.flatMap((reader) => [1, 2, 3].map(() => reader.ask('POST', like))))
    await readers[0].ask('DELETE', like)
    await readers[0].ask('DELETE', like)
    const comments = await Promise.all(
      [0, 1].map((n) =>
        readers[n]!.ask<{ id: string }>('POST', `/v1/posts/${post.id}/comments`, { body: `hello ${n}` }),
      ),
    )
    await readers[1].ask('DELETE', `/v1/posts/${post.id}/comments/${comments[1]!.id}`)

    const counted = { likeCount: 3, commentCount: 1 }
    await until('the counts are exact, in the post and in a feed', async () => {
      const shown = await readers[1].ask<PostAnswer>('GET', `/v1/posts/${post.id}`)
      const item = (await readers[1].feed()).items.find(({ id }) => id === post.id)
      return [shown, item].every((p) => p?.likeCount === counted.likeCount && p.commentCount === counted.commentCount)
    })
    for (const [reader, liked] of [[readers[0], false] as const, [readers[1], true] as const]) {
      expect(await reader.ask('GET', `/v1/posts/${post.id}`)).toMatchObject({ ...counted, liked })
      expect((await reader.feed()).items[0]).toMatchObject({ id: post.id, ...counted, liked })
    }
    const likes = await author.ask<{ items: { person: { id: string } }[] }>('GET', `/v1/posts/${post.id}/likes`)
    expect(likes.items.map(({ person }) => person.id).sort()).toEqual(
      readers
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    )
  })

  it('makes one post of ten requests under one key, and refuses the key for another', async () => {
    const [author] = await on().people(1)
    const request = (caption: string) =>
      author.call<PostAnswer>('POST', '/v1/posts', { caption }, { 'idempotency-key': 'race-1' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => request('once')))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    await untilFeedHas(author, answers[0]!.body)
    expect(await author.feedIds()).toEqual([answers[0]!.body.id])

    const other = await request('twice')
    expect(other.status).toBe(422)
    expect(other.body).toMatchObject({ code: 'idempotency-key-reused' })
    expect(await author.feedIds()).toEqual([answers[0]!.body.id])
  })
}
