import { expect, test } from 'vitest'
import { idMs, idShard } from '#core/ids.ts'
import { seededRandom } from '../random.ts'
import { AUTHORS, CELEBRITIES, FOLLOWS, growthWorld, postsOf } from './world.ts'

const NOW = Date.UTC(2026, 5, 1)

test('the same people and follows come out of the same seed', () => {
  expect(growthWorld(NOW)).toEqual(growthWorld(NOW))
  expect(growthWorld(NOW, 6).follows).not.toEqual(growthWorld(NOW).follows)
})

test('every reader follows as many authors, none of them twice', () => {
  for (const followed of growthWorld(NOW).follows) {
    expect(new Set(followed).size).toBe(FOLLOWS)
    expect(followed.every((author) => author >= 0 && author < AUTHORS)).toBe(true)
  }
})

test('a reader has more than a window of followed posts already where there are a thousand', () => {
  const each = 1_000 / AUTHORS
  expect(each * FOLLOWS).toBeGreaterThan(100)
  const pushed = growthWorld(NOW).follows.map((followed) => followed.filter((author) => author >= CELEBRITIES).length)
  expect(Math.min(...pushed) * each).toBeGreaterThan(100)
})

test("an author's posts are in the author's shard, newest first, and no two share an id", () => {
  const author = growthWorld(NOW).authors[3] ?? ''
  const posts = postsOf(author, 100_000, NOW, seededRandom(1))
  expect(posts).toHaveLength(100_000 / AUTHORS)
  expect(new Set(posts.map(({ id }) => id)).size).toBe(posts.length)
  expect(posts.every(({ id }) => idShard(id) === idShard(author))).toBe(true)
  const times = posts.map(({ id }) => idMs(id))
  expect(times).toEqual([...times].sort((a, b) => b - a))
})
