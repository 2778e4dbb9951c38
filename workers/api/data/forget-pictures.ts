/** What this location's cache holds of a deleted post's pictures goes at once; the origin purges the others by tag. */
import { isPrivateKey, signForgetting } from '#core/image/index.ts'
import type { PostMedia } from '#core/timeline/index.ts'
import type { DeletedPostRow } from '#drizzle/queries/posts.ts'
import type { AppContext } from '../context.ts'
import { logFault } from './after-commit.ts'

/** The image Worker is asked in this very second; clocks of one data centre agree. */
const VALID_SECONDS = 60

/**
 * After the answer, without a promise: what is not forgotten here expires. Private pictures are in no cache; the one that
 * its author shows beside the name outlives the post.
 */
export function forgetPictures(c: AppContext, { media_urls, avatar }: Omit<DeletedPostRow, 'event'>): void {
  const { config, clock, images } = c.get('services')
  const [key] = config.imageSigningKeys
  const expires = Math.floor(clock() / 1000) + VALID_SECONDS
  // The cache keeps names apart by origin: that of the addresses which pictures were asked for under.
  const base = config.imageBase || new URL(c.req.url).origin
  const forget = async (item: PostMedia) => {
    const url = base + (await signForgetting(item.key, key, expires))
    const response = await images.fetch(new Request(url, { method: 'DELETE' }))
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the image Worker answered ${response.status}`)
  }
  const open = media_urls.filter(({ key }) => !isPrivateKey(key) && key !== avatar)
  if (open.length === 0) return
  c.executionCtx.waitUntil(Promise.all(open.map(forget)).catch((error) => logFault(c, 'forget-pictures', error)))
}
