import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { deriveLost, noteLoss } from './after-loss.ts'
import { LIKED_LENGTH, rebuildLiked, reflectLike } from './liked-set.ts'
import { context, newId, openStage, type Stage } from './testing.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())

test('comments count while they stand', async () => {
  const { post, author } = await stage.begin()
  const comment = (commentId: Id, userId: Id, parentId: Id | null = null) =>
    stage.engagement.handlers['engagement.comment']!(
      { postId: post, commentId, userId, authorId: author, parentId, body: 'hi' },
      context,
    )
  const remove = (commentId: Id, userId: Id) =>
    stage.engagement.handlers['engagement.deleteComment']!(
      { postId: post, commentId, userId, postAuthorId: author },
      context,
    )
  const [top, reply, deep] = [newId(), newId(), newId()]
  await comment(top, '1')
  await comment(top, '1')
  await comment(reply, '2', top)
  expect(await comment(deep, '1', reply)).toMatchObject({ parentId: top })
  await expect(comment(top, '2')).rejects.toMatchObject({ status: 409, code: 'id-taken' })
  await expect(comment(newId(), '2', newId())).rejects.toMatchObject({ status: 404 })
  await expect(remove(top, '2')).rejects.toMatchObject({ status: 403 })
  await remove(reply, author)
  await remove(reply, author)
  await expect(remove('123', author)).rejects.toMatchObject({ status: 404 })
  expect(await stage.one(['GET', keys.commentShard(post, 0)])).toBe('2')
  const list = (parentId: Id | null) =>
    stage.engagement.handlers['engagement.comments']!({ postId: post, parentId, limit: 1, cursor: null }, context)
  expect(await list(top)).toMatchObject({ items: [{ commentId: deep }], cursor: null })
  expect(await list(null)).toMatchObject({ items: [{ commentId: top }], cursor: null })
})

test('a comment that was deleted before it came does not come, counts nothing and tells nobody', async () => {
  const { post, author } = await stage.begin()
  const { 'engagement.comment': say, 'engagement.deleteComment': remove } = stage.engagement.handlers
  const [commentId, userId] = [newId(), newId()]
  const comment = { postId: post, commentId, userId, authorId: author, parentId: null, body: 'no, wait' }
  const deletion = { postId: post, commentId, userId, postAuthorId: author }
  for (let i = 0; i < 2; i++) expect(await remove!(deletion, context)).toEqual({})
  for (let i = 0; i < 2; i++) expect(await say!(comment, context)).toMatchObject({ deleted: true, body: '' })
  expect(await stage.store().count(post)).toMatchObject({ comments: 0 })
  expect(await stage.one(['GET', keys.commentShard(post, 0)])).toBeNull()
  const told = "select 1 from log_messages where topic = 'post.commented' and key = $1"
  expect((await stage.pool.query(told, [post])).rows).toEqual([])
  const reply = { ...comment, commentId: newId(), parentId: commentId }
  await expect(say!(reply, context)).rejects.toMatchObject({ code: 'deleted' })
  // Of somebody else it says nothing: theirs is kept under another id.
  await expect(say!({ ...comment, userId: newId() }, context)).rejects.toMatchObject({ code: 'id-taken' })
})

test('an edit is another version of the comment, whose event says so once', async () => {
  const { post, author } = await stage.begin()
  const [commentId, userId] = [newId(), newId()]
  const comment = { postId: post, commentId, userId, authorId: author }
  await stage.engagement.handlers['engagement.comment']!({ ...comment, parentId: null, body: 'hi' }, context)
  const edit = (over: { userId?: Id; at?: number; body?: string } = {}) =>
    stage.engagement.handlers['engagement.editComment']!({ ...comment, body: 'hello', at: stage.now, ...over }, context)
  expect(await edit()).toMatchObject({ body: 'hello', editedMs: stage.now })
  await edit()
  expect(await edit({ at: stage.now - 1, body: 'late' })).toMatchObject({ body: 'hello' })
  const sent = await stage.pool.query(
    "select distinct value ->> 'id' as id from log_messages where topic = 'post.commented' and key = $1 order by 1",
    [post],
  )
  expect(sent.rows.map(({ id }) => id)).toEqual([`comment:${commentId}`, `comment:${commentId}:2`])
  await expect(edit({ userId: newId() })).rejects.toMatchObject({ status: 403 })
  await expect(edit({ at: stage.now + 3_600_000 })).rejects.toMatchObject({ status: 400 })
  await stage.engagement.handlers['engagement.deleteComment']!({ ...comment, postAuthorId: author }, context)
  await expect(edit({ at: stage.now + 1 })).rejects.toMatchObject({ status: 404, code: 'deleted' })
  const reply = { ...comment, commentId: newId(), parentId: commentId, body: 'late' }
  await expect(stage.engagement.handlers['engagement.comment']!(reply, context)).rejects.toMatchObject({
    code: 'deleted',
  })
  expect(await stage.one(['GET', keys.commentShard(post, 0)])).toBe('0')
})

test('an edit of a comment that has not come is kept; of one that comes while it is kept, made', async () => {
  const { post, author } = await stage.begin()
  const store = stage.store()
  const [late, early, userId] = [newId(), newId(), newId()]
  const { handlers, close } = stage.open({
    ...store,
    async comment(postId, commentId) {
      const found = await store.comment(postId, commentId)
      // All of it comes just behind the look for it.
      if (commentId === late) {
        await store.addComment({
          ...{ postId, commentId, userId },
          parentId: null,
          body: 'frist',
          createdMs: stage.now,
        })
      }
      return found
    },
  })
  const edit = (commentId: Id, over: { userId?: Id } = {}) =>
    handlers['engagement.editComment']!(
      { ...{ postId: post, commentId, userId, authorId: author }, body: 'first', at: stage.now, ...over },
      context,
    )
  expect(await edit(late)).toMatchObject({ commentId: late, body: 'first', version: 2 })
  expect(await edit(early)).toBeNull()
  const kept = 'select comment_id::text as id, body from waiting_edits where post_id = $1 order by 1'
  expect((await stage.pool.query(kept, [post])).rows).toContainEqual({ id: early, body: 'first' })
  // Neither a stranger's, whose shard says so, nor one that is too old can come.
  await expect(edit(newId(), { userId: '1' })).rejects.toMatchObject({ status: 404 })
  await expect(edit('123')).rejects.toMatchObject({ status: 404 })
  await close()
})

test('a page of likers hands out a cursor for exactly the rest', async () => {
  const { post, author } = await stage.begin()
  const users = []
  for (let i = 0; i < 5; i++) {
    stage.now += 1
    users.unshift(newId())
    await stage.like(post, users[0]!, author)
  }
  const page = (cursor: string | null) =>
    stage.engagement.handlers['engagement.likers']!({ postId: post, limit: 3, cursor }, context)
  const first = await page(null)
  const second = await page(first.cursor)
  expect([...first.items, ...second.items].map((item) => item.userId)).toEqual(users)
  expect(second.cursor).toBeNull()
  await expect(page('bm9uc2Vuc2U')).rejects.toMatchObject({ status: 400 })
})

test('a like from the far future is refused', async () => {
  const { post, author } = await stage.begin()
  await expect(stage.like(post, newId(), author, stage.now + 3_600_000)).rejects.toMatchObject({ status: 400 })
})

test('the liked set follows likes once it stands, and is never made by one', async () => {
  const { post, author } = await stage.begin()
  const user = newId()
  await stage.like(post, user, author)
  expect(await stage.one(['EXISTS', keys.liked(user)])).toBe(0)
  await rebuildLiked(stage.redis, stage.store(), user, 'a')
  const second = newId()
  await stage.like(second, user, author, stage.now + 1)
  expect(strings(await stage.one(['ZRANGE', keys.liked(user), 0, -1, 'WITHSCORES']))).toEqual([
    '~',
    '0',
    post,
    String(stage.now),
    second,
    String(stage.now + 1),
  ])
  expect(await stage.one(['TTL', keys.liked(user)])).toBe(-1)
  await stage.unlike(post, user, author, stage.now + 2)
  expect(strings(await stage.one(['ZRANGE', keys.liked(user), 0, -1]))).toEqual(['~', second])
})

test('a like taken back during a rebuild is not in the set, one given is', async () => {
  const { post, author } = await stage.begin()
  const [user, late] = [newId(), newId()]
  await stage.like(post, user, author)
  const reading = stage.store()
  let reads = 0
  const racing = {
    ...reading,
    likesBy: async (userId: Id, limit: number) => {
      const likes = await reading.likesBy(userId, limit)
      if (++reads === 1) {
        await stage.unlike(post, user, author, stage.now + 1)
        await stage.like(late, user, author, stage.now + 2)
      }
      return likes
    },
  }
  expect(await rebuildLiked(stage.redis, racing, user, 'a')).toBe(true)
  expect(strings(await stage.one(['ZRANGE', keys.liked(user), 0, -1]))).toEqual(['~', late])
})

test('the liked set keeps the newest and says from where on', async () => {
  await stage.begin()
  const user = newId()
  const key = keys.liked(user)
  const members = Array.from({ length: LIKED_LENGTH + 500 }, (_, i) => [i + 1, String(i + 1)]).flat()
  await stage.engine.pipeline([
    ['ZADD', key, 0, '~'],
    ['ZADD', key, ...members],
  ])
  await reflectLike(stage.redis, user, '9999', { state: 'liked', at: 9_999, version: 1 })
  expect(await stage.one(['ZSCORE', key, '~'])).toBe('502')
  // The mark itself is the one beside the 5,000.
  expect(await stage.one(['ZCARD', key])).toBe(LIKED_LENGTH + 1)
})

test('what a failover of Redis lost of likes and comments is derived again from the log', async () => {
  const { post: before, author } = await stage.begin()
  const [user, liked, regretted, commented] = [newId(), newId(), newId(), newId()]
  await stage.like(before, user, author)
  await stage.like(regretted, user, author)
  await rebuildLiked(stage.redis, stage.store(), user, 'a')
  const sinceMs = Date.now()
  const known = strings(await stage.one(['ZRANGE', keys.liked(user), 0, -1, 'WITHSCORES']))
  await stage.like(liked, user, author, stage.now + 1)
  await stage.unlike(regretted, user, author, stage.now + 1)
  const comment = { postId: commented, commentId: newId(), userId: user, authorId: author, parentId: null, body: 'hi' }
  await stage.engagement.handlers['engagement.comment']!(comment, context)
  // The replica that takes over had heard of none of it.
  await stage.engine.pipeline([['FLUSHALL']])
  await stage.engine.pipeline([['ZADD', keys.liked(user), ...swapped(known)]])

  await noteLoss(stage.redis, () => stage.now, sinceMs)
  const store = stage.store()
  const away = { ...store, likeOf: () => Promise.reject(new Error('the store is away')) }
  const parts = { redis: stage.redis, log: stage.log, clock: () => stage.now }
  await expect(deriveLost({ ...parts, store: away })).rejects.toThrow('away')
  expect(await deriveLost({ ...parts, store })).toBe(3)
  expect(await deriveLost({ ...parts, store })).toBe(0)

  expect(strings(await stage.one(['ZRANGE', keys.liked(user), 0, -1])).sort()).toEqual(['~', before, liked].sort())
  const dirty = strings(await stage.one(['ZRANGE', keys.dirtyCounts(), 0, -1]))
  expect(dirty.sort()).toEqual([liked, regretted, commented].sort())
})

/** Members and scores, as they are read, in the order in which they are written. */
const swapped = (pairs: readonly string[]) => pairs.flatMap((_, i) => (i % 2 === 0 ? [pairs[i + 1]!, pairs[i]!] : []))
