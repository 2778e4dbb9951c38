import { expect, it } from 'vitest'
import { walkFeed } from './person.ts'
import { type Stage, untilFeedHas, warm } from './stage.ts'

const POSTS = 1_000

/** A thousand posts of a year, made in the database at once: writing them one by one is not what is tested. */
async function oldPosts(stage: Stage, authors: readonly { id: string }[]): Promise<string[]> {
  const ids: string[] = []
  for (const [i, author] of authors.entries()) {
    const rows = await stage.sqlOf<{ post_id: string }>(
      author,
      `INSERT INTO posts (post_id, user_id, caption, media_urls, hashtags)
       SELECT (((extract(epoch FROM now()) * 1000)::bigint - 1735689600000 - n * 60000) << 23) | ($1::bigint & (8191 << 10)) | n % 1024,
         $1::bigint, 'old ' || n, '[]', '{}'
       FROM generate_series($2::int + 1, $3::int, $4::int) AS n RETURNING post_id`,
      ...[author.id, i, POSTS, authors.length],
    )
    ids.push(...rows.map((row) => String(row.post_id)))
  }
  return ids
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
