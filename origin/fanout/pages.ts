import type { FanoutPolicy } from '#core/fanout-policy.ts'
import type { Id } from '#core/ids.ts'
import type { FanoutStore } from './store.ts'

/** Which followers: after < id ≤ through, and as long as `post`, which is for them, stands. */
export interface PageBounds {
  after: Id
  through?: Id
  post?: Id
}

/**
 * Runs over an author's followers in keyset pages, one after the other; the next one is read while one is worked on. No page is
 * asked for that is known to be empty.
 */
export async function forEachPage(
  { store, policy }: { store: Pick<FanoutStore, 'followers'>; policy: Pick<FanoutPolicy, 'followersPerPage'> },
  author: Id,
  run: (followers: Id[]) => Promise<void>,
  { after, ...bounds }: PageBounds = { after: '0' },
): Promise<void> {
  const read = (from: Id) => store.followers(author, from, policy.followersPerPage, bounds)
  let reading = read(after)
  for (;;) {
    const followers = await reading
    const last = followers.at(-1)
    if (last === undefined) return
    const isLast = followers.length < policy.followersPerPage || last === bounds.through
    if (!isLast) reading = read(last)
    // Should the work fail first, nobody hears of the reading: the whole is repeated anyway.
    reading.catch(() => {})
    await run(followers)
    if (isLast) return
  }
}
