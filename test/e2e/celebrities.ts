import { setTimeout as pause } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { keys } from '#core/keys.ts'
import type { Person } from './person.ts'
import { watchPosts } from './posts-in-log.ts'
import { type Stage, untilFeedHas, warm } from './stage.ts'
import { until } from './until.ts'

/** Followers of whom there are only rows: the line is at 10,000, and it is the real one that is crossed here. */
async function crowd(stage: Stage, author: Person, size: number): Promise<void> {
  await stage.sql(
    `INSERT INTO users (user_id, username, email)
     SELECT n, 'crowd' || n, 'crowd' || n || '@example.org' FROM generate_series(1, $1::int) AS n ON CONFLICT DO NOTHING`,
    size,
  )
  for (const table of ['follows', 'followers']) {
    await stage.sql(
      `INSERT INTO ${table} (follower_id, followee_id) SELECT n, $1 FROM generate_series(1, $2::int) AS n`,
      author.id,
      size,
    )
  }
  await countFollowers(stage, author)
}

async function scatter(stage: Stage, author: Person, size: number): Promise<void> {
  for (const table of ['follows', 'followers']) {
    await stage.sql(`DELETE FROM ${table} WHERE followee_id = $1 AND follower_id <= $2::int`, author.id, size)
  }
  await countFollowers(stage, author)
}

const countFollowers = (stage: Stage, author: Person) =>
  stage.sql(
    `UPDATE users SET follower_count = (SELECT count(*) FROM followers WHERE followee_id = $1 AND state = 'active')
     WHERE user_id = $1`,
    author.id,
  )

const untilMode = (stage: Stage, author: Person, mode: string) =>
  until(`the author is in mode ${mode}`, async () => {
    const [row] = await stage.sql<{ mode: string; applied_mode: string }>(
      'SELECT mode, applied_mode FROM author_modes WHERE author_id = $1',
      author.id,
    )
    return row?.mode === mode && row.applied_mode === mode
  })

export function celebrities(on: () => Stage): void {
  let author: Person
  let readers: Person[]

  it('no post goes missing at any read while an author crosses 10,000 followers and comes back below 9,000', async () => {
    const [first, ...others] = await on().people(6)
    author = first
    readers = others
    const [early, late] = [readers.slice(0, 3), readers.slice(3)]
    await crowd(on(), author, 10_000 - readers.length)
    await on().followed(author, ...early)
    await warm(on(), ...early)

    const posts: { id: string }[] = []
    let isOver = false
    const writing = (async () => {
      while (!isOver) {
        posts.push(await author.post(`step ${posts.length}`))
        await pause(40)
      }
    })()
    // What a read has shown, no later read may lack.
    const watching = early.map(async (reader) => {
      const shown = new Set<string>()
      for (let reads = 0; !isOver; reads++) {
        const ids = new Set(await reader.feedIds())
        const lost = [...shown].filter((id) => !ids.has(id))
        if (lost.length > 0) throw new Error(`read ${reads} of ${reader.username} lacks ${lost}`)
        for (const id of ids) shown.add(id)
        await pause(20)
      }
    })
    const crossing = (async () => {
      try {
        await on().followed(author, ...late)
        await untilMode(on(), author, 'pull')
        await scatter(on(), author, 1_001)
        await late[0]!.ask('DELETE', `/v1/users/${author.id}/follow`)
        await untilMode(on(), author, 'push')
      } finally {
        isOver = true
      }
    })()
    await Promise.all([crossing, writing, ...watching])
    expect(posts.length).toBeGreaterThan(4)
    for (const reader of [...early, ...late.slice(1)]) await untilFeedHas(reader, ...posts)
  })

  it("writes no timeline for a celebrity's post, and shows it at the next read", async () => {
    await on().sql(
      `INSERT INTO follows (follower_id, followee_id) SELECT n, $1 FROM generate_series(1, 1001) AS n`,
      author.id,
    )
    await on().sql(
      `INSERT INTO followers (follower_id, followee_id) SELECT n, $1 FROM generate_series(1, 1001) AS n`,
      author.id,
    )
    await countFollowers(on(), author)
    await on().followed(author, readers[3]!)
    await untilMode(on(), author, 'pull')
    await warm(on(), ...readers)
    const { appended, stop } = await watchPosts(on().system.origin)
    onTestFinished(stop)
    const post = await author.post('to all of you')
    for (const reader of readers) {
      const { items } = await reader.feed('mode=ranked')
      expect(items.find(({ id }) => id === post.id)).toMatchObject({ reason: 'celebrity' })
    }
    const [later] = await on().people(1)
    await on().followed(author, later)
    await untilFeedHas(later, post)
    await until('the post is in the log', async () => appended.has(post.id))
    await until('fan-out has consumed the post', async () => (await on().system.origin.tiers.lag()) === 0)
    for (const reader of readers) {
      expect(await on().redis('ZSCORE', keys.timeline(reader.id), post.id)).toBeNull()
    }
  })
}
