/** Fills Redis for one number of posts: every post, and what fan-out and hydration keep of it, as bounded there. */
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { type Id, idMs } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import type { Command, RedisPort } from '#core/redis.ts'
import { writeUser } from '#core/timeline/index.ts'
import { batches, postCommands, readerCommands, type SeedPost, slateCommand } from '../feed/seed.ts'
import { seededRandom } from '../random.ts'
import { CELEBRITIES, postsOf, type World } from './world.ts'

/** @returns how many posts there are */
export async function seedPosts(redis: RedisPort, world: World, total: number, nowMs: number): Promise<number> {
  const random = seededRandom(7)
  const send = batches(redis)
  /** Of each author the newest, as many as a timeline holds. */
  const newest: SeedPost[][] = []
  const all: Id[] = []
  for (const [i, author] of world.authors.entries()) {
    const posts = postsOf(author, total, nowMs, random)
    for (const post of posts) {
      all.push(post.id)
      await send(postCommands(post, random))
    }
    newest.push(posts.slice(0, FANOUT_POLICY.timelineLength))
    await send(writeUser(personOf(author, i), 1))
    if (i < CELEBRITIES) await send([authorList(author, posts)])
  }
  const draw = () => all[Math.floor(random() * all.length)] ?? '0'
  for (const [i, user] of world.readers.entries()) {
    const follows = world.follows[i] ?? []
    const pushed = follows
      .filter((author) => author >= CELEBRITIES)
      .flatMap((author) => newest[author] ?? [])
      .sort((a, b) => idMs(b.id) - idMs(a.id))
      .slice(0, FANOUT_POLICY.timelineLength)
    const celebrities = follows.filter((author) => author < CELEBRITIES).map((author) => world.authors[author] ?? '')
    await send(readerCommands({ user, pushed, celebrities, draw }, random, nowMs))
  }
  await send([slateCommand(newest.slice(-6).flatMap((posts) => posts.slice(0, 1)))], true)
  return all.length
}

const personOf = (id: Id, i: number) => ({
  ...{ id, username: `author${i}`, displayName: `Author ${i}` },
  ...{ avatar: `media/${id}/a.jpg`, isPrivate: false },
})

/** A celebrity's list: the newest posts down to its floor, as many as readers merge. */
function authorList(author: Id, posts: readonly SeedPost[]): Command {
  const kept = posts.slice(0, FANOUT_POLICY.authorLength)
  const last = kept.at(-1)
  const floor = kept.length < posts.length && last !== undefined ? idMs(last.id) : 0
  return ['ZADD', keys.author(author), floor, MARK, ...kept.flatMap(({ id }) => [idMs(id), id])]
}
