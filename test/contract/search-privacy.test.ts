/** Hashtags are served without their posts: those of private accounts must not be there, on any engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { type ChangedProfileRow, type ProfileChange, updateProfile } from '#drizzle/queries/people.ts'
import { createIndexer } from '../../origin/search/indexer.ts'
import { searchService } from '../../origin/search/service.ts'
import { startDatabase, type TestDatabase } from './engines.ts'
import { type SearchEngine, searchEngines } from './search-engines.ts'

const ids = createIdFactory(Date.now, Math.random)

describe.each(searchEngines())('hashtags of private accounts on $name', ({ start, absent }) => {
  if (start === null) {
    test.skip(absent, () => {})
    return
  }
  let engine: SearchEngine
  let rows: TestDatabase
  beforeAll(async () => {
    ;[engine, rows] = await Promise.all([start(), startDatabase()])
  }, 60_000)
  afterAll(() => Promise.all([engine?.close(), rows?.close()]))

  const indexer = () => createIndexer(rows.database, engine.store)
  const account = async (isPrivate: boolean) => {
    const userId = ids.next(9)
    const name = `u${userId}`
    await rows.pool.query('insert into users (user_id, username, email, is_private) values ($1, $2, $2, $3)', [
      ...[userId, name, isPrivate],
    ])
    return userId
  }
  const change = async (userId: Id, wanted: ProfileChange) => {
    const [row] = await rows.database.query<ChangedProfileRow>(updateProfile(userId, wanted, null))
    return row?.event as TidelineEvent<'user.changed'>
  }
  /** A post with a tag, in the table; its event is answered. */
  const publish = async (userId: Id, tag: string) => {
    const postId = ids.next(9)
    await rows.pool.query(
      "insert into posts (post_id, user_id, caption, hashtags, media_urls) values ($1, $2, $3, $4, '[]')",
      [postId, userId, `#${tag}`, [tag]],
    )
    const data = { postId, userId, version: 1, awaitsMedia: false, hashtags: [tag] }
    return makeEvent({ type: 'post.created', key: userId, actor: userId, data }, Date.now, Math.random)
  }
  const tags = async (q: string) => {
    await engine.store.settle()
    return (await searchService(engine.store).hashtags({ q, limit: 10, cursor: null })).items
  }

  test('are found while the account is public, and only then', async () => {
    const ann = await account(true)
    await indexer().apply(await publish(ann, 'hiddencove'))
    expect(await tags('hiddencove')).toEqual([])
    await indexer().apply(await change(ann, { isPrivate: false }))
    expect(await tags('hiddencove')).toEqual([{ tag: 'hiddencove', posts: 1 }])
    await indexer().apply(await change(ann, { isPrivate: true }))
    expect(await tags('hiddencove')).toEqual([])
  })

  test('are not counted with those of others', async () => {
    const [ann, bob] = [await account(true), await account(false)]
    for (const event of [await publish(ann, 'bay'), await publish(bob, 'bay')]) await indexer().apply(event)
    expect(await tags('bay')).toEqual([{ tag: 'bay', posts: 1 }])
  })

  test('do not come back with what is delivered late, or read before the account changed', async () => {
    const ann = await account(false)
    const published = await publish(ann, 'strand')
    const before = [1, 2].map((version) => ({ postId: published.data.postId, userId: ann, version }))
    const gone = await change(ann, { isPrivate: true })
    await indexer().apply(gone)
    for (const document of before) {
      await engine.store.putPost({ ...document, words: ['strand'], hashtags: ['strand'], deleted: false })
    }
    await indexer().apply(published)
    await indexer().apply(gone)
    expect(await tags('strand')).toEqual([])
  })

  test('are left out of an index that is filled anew', async () => {
    const ann = await account(true)
    await publish(ann, 'reef')
    await indexer().reindex()
    expect(await tags('reef')).toEqual([])
  })

  test('of more posts than are read at once all go', async () => {
    const ann = await account(false)
    await rows.pool.query(
      `insert into posts (post_id, user_id, hashtags, media_urls)
        select $1::bigint + n, $2, '{tern}', '[]' from generate_series(1, 501) n`,
      [ids.next(9), ann],
    )
    await indexer().apply(await change(ann, { isPrivate: true }))
    await indexer().apply(await change(ann, { isPrivate: false }))
    expect(await tags('tern')).toEqual([{ tag: 'tern', posts: 501 }])
    await indexer().apply(await change(ann, { isPrivate: true }))
    expect(await tags('tern')).toEqual([])
  })

  test('a change of anything else leaves the posts alone', async () => {
    const ann = await account(false)
    expect((await change(ann, { bio: 'new', isPrivate: false })).data).toEqual({ userId: ann, version: 2 })
    expect((await change(ann, { isPrivate: true })).data).toEqual({ userId: ann, version: 3, isPrivate: true })
  })
})
