/** Fan-out on Postgres and Redis, embedded. */
import { expect, test } from 'vitest'
import { compareIds, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { DELETED, readPost } from '#core/timeline/index.ts'
import { useTierStage } from '../../test/contract/fanout-stage.ts'

const stage = useTierStage()

test('a push reaches readers with a timeline; inactive ones are not written to', async () => {
  const [reader, inactive, author] = [await stage.person(), await stage.person(), await stage.person()]
  for (const who of [reader, inactive]) await stage.followed(who, author)
  await stage.warm(reader)
  const id = await stage.post(author)
  stage.seen.pipelines = []
  await stage.services().fanout.postCreated(id)
  expect(await stage.timeline(reader)).toEqual(['~', id])
  const touching = stage.seen.pipelines.flat().filter((command) => command.includes(keys.timeline(inactive)))
  expect(touching).toEqual([['PTTL', keys.timeline(inactive)]])
})

test('above the inline limit a fan-out goes through pages that reach everybody once', async () => {
  const author = await stage.person()
  const readers = await Promise.all(Array.from({ length: 5 }, stage.person))
  for (const reader of readers) {
    await stage.followed(reader, author)
    await stage.warm(reader)
  }
  const id = await stage.post(author)
  const { fanout } = stage.services()
  await fanout.postCreated(id)
  expect(stage.seen.events.map((event) => event.type)).toEqual(Array(3).fill('fanout.page'))
  expect(await stage.timeline(readers[0]!)).toEqual(['~'])
  for (const event of stage.seen.events) if (event.type === 'fanout.page') await fanout.page(event.data)
  for (const reader of readers) expect(await stage.timeline(reader)).toEqual(['~', id])

  await stage.postgres.pool.query('update posts set deleted_at = now() where post_id = $1', [id])
  stage.seen.events = []
  await fanout.postDeleted(id)
  for (const event of stage.seen.events) if (event.type === 'fanout.page') await fanout.page(event.data)
  for (const reader of readers) expect(await stage.timeline(reader)).toEqual(['~'])
  expect(await stage.one(readPost(id))).toBe(DELETED)
})

test('followers are cut into pages some at a time, none left out between them', async () => {
  const author = await stage.person()
  const readers = (await Promise.all(Array.from({ length: 5 }, stage.person))).sort(compareIds)
  for (const reader of readers) await stage.followed(reader, author)
  const { store } = stage.services()
  const ends = async (after: Id, pages: number) => store.pageEnds(author, after, 2, pages)
  expect(await ends('0', 10)).toEqual([readers[1], readers[3], readers[4]])
  expect(await ends('0', 2)).toEqual([readers[1], readers[3]])
  expect(await ends(readers[3]!, 2)).toEqual([readers[4]])
  expect(await ends(readers[4]!, 2)).toEqual([])
})

test('a deletion goes to the followers unless the post was made since its author is pulled only', async () => {
  const author = await stage.person()
  const readers = await Promise.all([stage.person(), stage.person(), stage.person()])
  for (const reader of readers) {
    await stage.followed(reader, author)
    await stage.warm(reader)
  }
  const { fanout, store } = stage.services()
  const isTakenBack = async (id: Id) => {
    await stage.one(['ZADD', keys.timeline(readers[0]!), 1, id])
    await stage.postgres.pool.query('update posts set deleted_at = now() where post_id = $1', [id])
    stage.seen.events = []
    await fanout.postDeleted(id)
    expect(await stage.one(readPost(id))).toBe(DELETED)
    for (const event of stage.seen.events) if (event.type === 'fanout.page') await fanout.page(event.data)
    return !(await stage.timeline(readers[0]!)).includes(id)
  }
  const setMode = async (mode: string, applied: string, ago: string) => {
    await stage.postgres.pool.query('delete from author_modes where author_id = $1', [author])
    await stage.postgres.pool.query(
      `insert into author_modes (author_id, mode, version, applied_mode, applied_version, updated_at)
       values ($1, $2, 2, $3, $4, now() - $5::interval)`,
      [author, mode, applied, mode === applied ? 2 : 1, ago],
    )
  }
  await setMode('pull', 'pull', '10 minutes')
  expect(await isTakenBack(await stage.post(author))).toBe(false)
  expect(stage.seen.events).toEqual([])
  await setMode('pull', 'pull', '0 seconds')
  expect(await isTakenBack(await stage.post(author))).toBe(true)
  await setMode('both', 'pull', '10 minutes')
  expect(await isTakenBack(await stage.post(author))).toBe(true)
  await setMode('pull', 'both', '10 minutes')
  expect(await isTakenBack(await stage.post(author))).toBe(true)

  await store.applyMode(author, 'pull', 1_000)
  await stage.postgres.pool.query('update author_modes set version = applied_version where author_id = $1', [author])
  expect((await store.target(await stage.post(author)))?.pulledSinceMs).toBeGreaterThan(Date.now() - 60_000)
})
