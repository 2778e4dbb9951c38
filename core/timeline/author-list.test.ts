/** Authors' lists. */
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { firstIdAt, type Id, idMs } from '../ids.ts'
import { keys } from '../keys.ts'
import type { Command, RedisPort } from '../redis.ts'
import { addToAuthorList, parseAuthorList, readAuthorList, rebuildAuthorList } from './index.ts'

const engine = directRedis(() => 1_764_000_000_000)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))
const redis: RedisPort = { pipeline: async (commands) => run(commands) }
const at = (ms: number, n = 0): Id => String(BigInt(firstIdAt(1_764_000_000_000 + ms)) + BigInt(n))
const entry = (id: Id) => ({ id, ms: idMs(id) })

beforeEach(() => void run([['FLUSHALL']]))

test("an author's list is unknown until it is rebuilt, and keeps what is written meanwhile", async () => {
  run(addToAuthorList('9', at(5)))
  const policy = { authorLength: 200 }
  expect(parseAuthorList('9', run([readAuthorList('9', policy)])[0], policy)).toBeNull()
  const authorPosts = async () => {
    run(addToAuthorList('9', at(6)))
    return { entries: [at(5), at(4)].map(entry), complete: false }
  }
  expect(await rebuildAuthorList('9', { redis, authorPosts })).toMatchObject({ floor: idMs(at(4)) + 1 })
  const list = parseAuthorList('9', run([readAuthorList('9', policy)])[0], policy)
  expect(list).toEqual({ author: '9', floor: idMs(at(4)) + 1, ids: [at(6), at(5)] })
})

test('an author without posts has a list that says so', async () => {
  await rebuildAuthorList('9', { redis, authorPosts: async () => ({ entries: [], complete: true }) })
  const policy = { authorLength: 200 }
  const reply = run([readAuthorList('9', policy)])[0]
  expect(parseAuthorList('9', reply, policy)).toEqual({ author: '9', floor: 0, ids: [] })
})

test('a list that is read only down to its mark does not vouch for the millisecond of the mark', async () => {
  const policy = { authorLength: 2 }
  const all = [at(5), at(4), at(3), at(2), at(1)]
  await rebuildAuthorList('9', { redis, authorPosts: async () => ({ entries: all.map(entry), complete: true }) })
  run([['ZADD', keys.author('9'), idMs(at(1)), '~']])
  const list = () => parseAuthorList('9', run([readAuthorList('9', policy)])[0], policy)
  expect(list()).toMatchObject({ floor: idMs(at(1)) + 1, ids: all.slice(0, 4) })
  run([['ZREM', keys.author('9'), at(5), at(4)]])
  expect(list()).toMatchObject({ floor: idMs(at(1)), ids: all.slice(2) })
})
