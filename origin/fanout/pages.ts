import type { FanoutPolicy } from '#core/fanout-policy.ts'
import type { Id } from '#core/ids.ts'
import type { FanoutStore } from './store.ts'

/** Runs over an author's followers in keyset pages, one after the other; after < id ≤ through. */
export async function forEachPage(
  { store, policy }: { store: Pick<FanoutStore, 'followers'>; policy: Pick<FanoutPolicy, 'followersPerPage'> },
  author: Id,
  run: (followers: Id[]) => Promise<void>,
  bounds: { after: Id; through?: Id } = { after: '0' },
): Promise<void> {
  let after = bounds.after
  for (;;) {
    const followers = await store.followers(author, after, policy.followersPerPage, bounds.through)
    if (followers.length > 0) await run(followers)
    const last = followers.at(-1)
    if (last === undefined || followers.length < policy.followersPerPage) return
    after = last
  }
}
