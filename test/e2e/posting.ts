import { expect, it } from 'vitest'
import { compareIds } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Stage, untilFeedHas, warm } from './stage.ts'
import { until } from './until.ts'

export function posting(on: () => Stage): void {
  it('brings a post of an ordinary author into the timelines of those who follow', async () => {
    const [author, first, second, stranger] = await on().people(4)
    await on().followed(author, first, second)
    await warm(on(), first, second, stranger)
    const post = await author.post('a quiet morning #sea')
    for (const reader of [first, second]) {
      await untilFeedHas(reader, post)
      expect(await on().redis('ZSCORE', keys.timeline(reader.id), post.id)).not.toBeNull()
    }
    const { items } = await first.feed('mode=ranked')
    expect(items[0]).toMatchObject({ id: post.id, reason: 'follow', hashtags: ['sea'], author: { id: author.id } })
    expect(await stranger.feedIds()).not.toContain(post.id)
  })

  it("shows an author's own post in the very next read, warm and cold", async () => {
    const [author] = await on().people(1)
    for (const mode of ['following', 'ranked']) {
      const post = await author.post(`mine, ${mode}`)
      const { items } = await author.feed(`mode=${mode}`)
      expect(items[0]).toMatchObject({ id: post.id, reason: 'own' })
    }
  })

  it('gives a cold reader a whole page in the first answer, also while others rebuild', async () => {
    const [reader, ...authors] = await on().people(4)
    for (const author of authors) await on().followed(author, reader)
    const posts: string[] = []
    for (let n = 0; n < 10; n++) {
      const made = await Promise.all(authors.map((author) => author.post(`page ${n}`)))
      posts.unshift(
        ...made
          .map(({ id }) => id)
          .sort(compareIds)
          .reverse(),
      )
    }
    await on().redis('DEL', keys.timeline(reader.id))
    const pages = await Promise.all(Array.from({ length: 8 }, () => reader.feedIds('mode=following&limit=25')))
    for (const page of pages) expect(page).toEqual(posts.slice(0, 25))
    await warm(on(), reader)
    expect(await reader.feedIds('mode=following&limit=25')).toEqual(posts.slice(0, 25))
  })

  it('shows what two points of presence write to each other, and deletions to both', async () => {
    const { system } = on()
    const [author, reader] = await on().people(2)
    await on().followed(author, reader)
    await warm(on(), reader)
    const elsewhere = await system.secondPop()
    const there = { author: author.at(elsewhere), reader: reader.at(elsewhere) }
    const here = await author.post('written here')
    const far = await there.author.post('written there')
    await untilFeedHas(there.reader, here, far)
    await untilFeedHas(reader, here, far)
    expect(await there.author.feedIds()).toEqual([far.id, here.id])

    await there.author.ask('DELETE', `/v1/posts/${here.id}`)
    expect(await there.reader.feedIds()).toEqual([far.id])
    // The other isolate holds the post itself; the delta takes it out.
    await untilGone(reader, here)
  })
}

async function untilGone(reader: { feedIds(): Promise<string[]>; username: string }, post: { id: string }) {
  await until(`${reader.username} no longer sees the post`, async () => !(await reader.feedIds()).includes(post.id))
}
