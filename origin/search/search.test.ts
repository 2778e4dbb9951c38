import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeEvent } from '#core/events.ts'
import { createIdFactory } from '#core/ids.ts'
import { eventually, startDatabase, type TestDatabase } from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import { createLogger } from '../observe/logger.ts'
import { createSearch, postgresSearch } from './index.ts'
import { createIndexer } from './indexer.ts'
import { editDistance } from './query.ts'
import { searchService } from './service.ts'
import { queryWordsOf, wordsOf } from './text.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(9)
let postgres: TestDatabase

beforeAll(async () => {
  postgres = await startDatabase()
}, 60_000)
afterAll(() => postgres.close())

const service = () => searchService(postgresSearch(postgres.database))
const find = async (q: string) => (await service().users({ q, limit: 10, cursor: null })).items.map((hit) => hit.userId)
const addPerson = async (username: string) => {
  const userId = newId()
  await postgres.pool.query('insert into users (user_id, username, email) values ($1, $2, $2)', [userId, username])
  return userId
}

test('words are letters and digits of any script, folded, each once', () => {
  expect(wordsOf('Straße, straße! Ærø Łódź ＡＢＣ naïve_42 東京 اَلْعَرَبِيَّةُ')).toEqual([
    'strasse',
    'aero',
    'lodz',
    'abc',
    'naive',
    '42',
    '東京',
    '京',
    'العربية',
  ])
})

test('where no spaces tell words apart, neighbours are words; a query asks for them and for no end of a run', () => {
  expect(wordsOf('見た東京タワー iPhone東京')).toEqual('見た|た東|東京|京タ|タワ|ワー|ー|iphone|京'.split('|'))
  expect(queryWordsOf('東京 タワー 京')).toEqual(['東京', 'タワ', 'ワー', '京'])
  expect(queryWordsOf('ไทย')).toEqual(['ไท', 'ทย'])
})

test('emoji are words, flags in one piece', () => {
  expect(wordsOf('party🎉🎉 👩‍🚀🇩🇪')).toEqual(['party', '🎉', '👩', '🚀', '🇩🇪'])
})

test.each([
  ['john', 'john', 0],
  ['jonh', 'john', 1],
  ['jhn', 'john', 1],
  ['johnn', 'john', 1],
  ['ab', 'ba', 1],
  ['abc', 'xyz', 3],
  ['short', 'very-long-word', 3],
])('%s is %s after %i edits', (a, b, edits) => {
  expect(editDistance(a, b, 2)).toBe(edits)
})

test('an event indexes the row as it stands, and a row that is gone leaves a tombstone', async () => {
  const indexer = createIndexer(postgres.database, postgresSearch(postgres.database))
  const userId = await addPerson('tombstone')
  const changed = (version: number) =>
    makeEvent({ type: 'user.changed', key: userId, actor: null, data: { userId, version } }, Date.now, Math.random)
  await indexer.apply(changed(1))
  expect(await find('tombstone')).toEqual([userId])
  await postgres.pool.query('delete from users where user_id = $1', [userId])
  await indexer.apply(changed(2))
  expect(await find('tombstone')).toEqual([])
})

test('a post that waits for its video is not found until it shows', async () => {
  const indexer = createIndexer(postgres.database, postgresSearch(postgres.database))
  const [postId, userId] = [newId(), newId()]
  await postgres.pool.query(
    "insert into posts (post_id, user_id, caption, media_urls, state) values ($1, $2, 'waterfall', '[]', 'awaiting')",
    [postId, userId],
  )
  const found = async () => (await service().posts({ q: 'waterfall', limit: 10, cursor: null })).items
  const data = { postId, userId, version: 1, awaitsMedia: true, hashtags: [] }
  await indexer.apply(makeEvent({ type: 'post.created', key: userId, actor: userId, data }, Date.now, Math.random))
  expect(await found()).toEqual([])
  await postgres.pool.query("update posts set state = 'visible', version = 2 where post_id = $1", [postId])
  const ready = { mediaId: newId(), userId, postId, version: 3 }
  await indexer.apply(
    makeEvent({ type: 'media.ready', key: postId, actor: userId, data: ready }, Date.now, Math.random),
  )
  expect(await found()).toEqual([{ postId }])
})

test('started, it follows the log; everything can be indexed again', async () => {
  const log = openPostgresLog(postgres.database)
  const logger = createLogger({ level: 'silent' })
  const search = createSearch({ store: postgresSearch(postgres.database), log, rows: postgres.database, logger })
  search.start()
  const userId = await addPerson('followed')
  const data = { kind: 'user' as const, id: userId, version: 1 }
  await log.publish([makeEvent({ type: 'search.index', key: userId, actor: null, data }, Date.now, Math.random)])
  await eventually(async () => (await find('followed')).length === 1)
  await search.close()
  await log.close()
  const late = await addPerson('reindexed')
  expect((await search.reindex()).people).toBeGreaterThanOrEqual(2)
  expect(await find('reindexed')).toEqual([late])
})
