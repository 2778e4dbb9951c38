import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EventData, type EventType, makeEvent } from '#core/events.ts'
import { createIdFactory } from '#core/ids.ts'
import { eventually, startDatabase, type TestDatabase } from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import { createNotify, postgresNotifications } from './index.ts'
import { type NotifyEvent, notify } from './service.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(5)
let postgres: TestDatabase

beforeAll(async () => {
  postgres = await startDatabase()
}, 60_000)
afterAll(() => postgres.close())

const make = <T extends EventType>(type: T, key: string, data: EventData<T>) =>
  makeEvent({ type, key, actor: null, data }, Date.now, Math.random)
const tell = (event: unknown) => notify(postgresNotifications(postgres.database), ids, event as NotifyEvent)
const toldTo = async (user: string) => {
  const statement = 'select kind, actor_id, subject_id from notifications where user_id = $1 order by notification_id'
  return (await postgres.pool.query(statement, [user])).rows
}
const liked = (postId: string, userId: string, authorId: string, state: 'liked' | 'unliked' = 'liked') =>
  make('post.liked', postId, { postId, userId, authorId, state, at: 1, version: 1 })

test('follows, likes and comments are told, each once however often it comes', async () => {
  const [author, fan, post, commentId] = [newId(), newId(), newId(), newId()]
  const follow = make('follow.changed', fan, { followerId: fan, followeeId: author, state: 'active', version: 1 })
  const comment = make('post.commented', post, {
    postId: post,
    commentId,
    userId: fan,
    authorId: author,
    parentId: null,
    version: 1,
  })
  const events = [follow, liked(post, fan, author), comment]
  for (const event of [...events, ...events]) await tell(event)
  await Promise.all(events.map(tell))
  expect(await toldTo(author)).toEqual([
    { kind: 'follow', actor_id: fan, subject_id: null },
    { kind: 'like', actor_id: fan, subject_id: post },
    { kind: 'comment', actor_id: fan, subject_id: post },
  ])
})

test('nobody is told of their own doing, of what is taken back, or of people they blocked or muted', async () => {
  const [author, blocked, muted, post] = [newId(), newId(), newId(), newId()]
  await postgres.pool.query('insert into blocks (user_id, target_id) values ($1, $2)', [author, blocked])
  await postgres.pool.query('insert into mutes (user_id, target_id) values ($1, $2)', [author, muted])
  await tell(liked(post, author, author))
  await tell(liked(post, newId(), author, 'unliked'))
  await tell(liked(post, blocked, author))
  await tell(liked(post, muted, author))
  const removed = { followerId: newId(), followeeId: author, state: 'removed' as const, version: 2 }
  await tell(make('follow.changed', removed.followerId, removed))
  expect(await toldTo(author)).toEqual([])
})

test('a request to follow a private account is told as one', async () => {
  const [asked, asking] = [newId(), newId()]
  await tell(make('follow.changed', asking, { followerId: asking, followeeId: asked, state: 'requested', version: 1 }))
  expect(await toldTo(asked)).toMatchObject([{ kind: 'follow-request', actor_id: asking }])
})

test('started, it follows the log', async () => {
  const log = openPostgresLog(postgres.database)
  const started = createNotify({ store: postgresNotifications(postgres.database), log })
  started.start()
  const [author, post] = [newId(), newId()]
  await log.publish([liked(post, newId(), author)])
  await eventually(async () => (await toldTo(author)).length === 1)
  await started.close()
  await log.close()
})
