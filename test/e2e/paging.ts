import { expect, it } from 'vitest'
import { walkFeed } from './person.ts'
import { type Stage, untilFeedHas, warm } from './stage.ts'

const POSTS = 1_000

/** A thousand posts of a year, made in the database at once: writing them one by one is not what is tested. */
async function oldPosts(stage: Stage, authors: readonly { id: string }[]): Promise<string[]> {
  const rows = await stage.sql<{ post_id: string }>(
    `INSERT INTO posts (post_id, user_id, caption, media_urls, hashtags)
     SELECT (((extract(epoch FROM now()) * 1000)::bigint - 1735689600000 - n * 60000) << 23) + n,
       ($1::bigint[])[1 + n % $2], 'old ' || n, '[]', '{}'
     FROM generate_series(1, $3::int) AS n RETURNING post_id`,
    authors.map(({ id }) => id),
    authors.length,
    POSTS,
  )
  return rows.map((row) => String(row.post_id))
}

export function paging(on: () => Stage): void {
  it.each(['following', 'ranked'])(
    'a feed of 1,000 posts ends after each of them once while new ones arrive (%s)',
    async (mode) => {
      const [reader, ...authors] = await on().people(6)
      const old = await oldPosts(on(), authors)
      for (const author of authors) await on().followed(author, reader)
      await warm(on(), reader)
      const arrived: string[] = []
      const items = await walkFeed(reader, `mode=${mode}&limit=50`, async (page) => {
        if (page < 5) arrived.push((await authors[page % 5]!.post(`new ${page}`)).id)
      })
      const seen = items.filter(({ reason }) => reason === 'follow' || reason === 'celebrity').map(({ id }) => id)
      expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
      const missing = old.filter((id) => !seen.includes(id))
      expect(missing).toEqual([])
      expect(seen.filter((id) => !old.includes(id) && !arrived.includes(id))).toEqual([])
      await untilFeedHas(reader, ...arrived.map((id) => ({ id })))
    },
  )
}
