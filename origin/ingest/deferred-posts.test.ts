import { describe, expect, it } from 'vitest'
import { outcomes, post, useIngestStage } from '../../test/contract/ingest-stage.ts'

const stage = useIngestStage()

describe('posts that were promised', () => {
  it('create a post once, however often they come, with its event', async () => {
    for (let round = 0; round < 3; round++) {
      expect(outcomes(await stage.send('deferred-writes', [post('100')]))).toEqual(['done'])
    }
    expect(await stage.rows('SELECT post_id, caption FROM posts')).toEqual([{ post_id: '100', caption: 'hello' }])
    expect(await stage.rows('SELECT post_count FROM users')).toEqual([{ post_count: 1 }])
    expect(await stage.rows('SELECT type FROM outbox')).toEqual([{ type: 'post.created' }])
    expect((await stage.inLog()).length).toBe(1)
  })

  it('lead the promised id to the post that stands under the same key already', async () => {
    await stage.send('deferred-writes', [post('100')])
    const results = await stage.send('deferred-writes', [post('200'), post('200')])
    expect(outcomes(results)).toEqual(['done', 'done'])
    expect(await stage.rows('SELECT post_id FROM posts')).toEqual([{ post_id: '100' }])
    expect(await stage.rows('SELECT alias_id, post_id FROM post_aliases')).toEqual([
      { alias_id: '200', post_id: '100' },
    ])
  })

  it('find the post of their key even when they come so late that the key is free again', async () => {
    const accepted = Date.now()
    await stage.send('deferred-writes', [post('100', { acceptedMs: accepted })])
    await stage.rows(`UPDATE idempotency_keys SET created_at = now() - interval '40 hours'`)
    const late = post('200', { acceptedMs: accepted - 30 * 3_600_000 })
    expect(outcomes(await stage.send('deferred-writes', [late]))).toEqual(['done'])
    expect(await stage.rows('SELECT post_id FROM posts')).toEqual([{ post_id: '100' }])
    expect(await stage.rows('SELECT alias_id, post_id FROM post_aliases')).toEqual([
      { alias_id: '200', post_id: '100' },
    ])
  })

  it('keep a post whose promised id is somebody else’s under a new one, and lead the promised id there', async () => {
    await stage.rows(`INSERT INTO users (user_id, username, email) VALUES (2, 'bea', 'bea@example.org')`)
    await stage.send('deferred-writes', [post('100', { userId: '2' })])
    for (let round = 0; round < 2; round++) {
      expect(outcomes(await stage.send('deferred-writes', [post('100')]))).toEqual(['done'])
    }
    const posts = await stage.rows('SELECT post_id, user_id FROM posts ORDER BY post_id')
    expect(posts).toEqual([
      { post_id: '100', user_id: '2' },
      { post_id: expect.any(String), user_id: '1' },
    ])
    const alias = { alias_id: '100', post_id: posts[1]!.post_id, user_id: '1' }
    expect(await stage.rows('SELECT alias_id, post_id, user_id FROM post_aliases')).toEqual([alias])
    expect((await stage.inLog()).length).toBe(2)
    const unusable = post('100', { idempotencyKey: 'key-2', mediaIds: ['11'] })
    expect(outcomes(await stage.send('deferred-writes', [unusable]))).toEqual(['dead'])
  })

  it('keep one of two that race under one key', async () => {
    const results = await stage.send('deferred-writes', [post('100'), post('200'), post('300')])
    expect(outcomes(results)).toEqual(['done', 'done', 'done'])
    expect((await stage.rows('SELECT post_id FROM posts')).length).toBe(1)
    expect((await stage.rows('SELECT alias_id FROM post_aliases')).length).toBe(2)
  })

  it('give up what can never be applied, and wait for an upload', async () => {
    await stage.rows(`INSERT INTO media (media_id, user_id, key, content_type, bytes, state) VALUES
      (10, 1, 'k', 'image/jpeg', 5, 'awaiting_upload'), (11, 2, 'k', 'image/jpeg', 5, 'uploaded')`)
    await stage.send('deferred-writes', [post('100')])
    const results = await stage.send('deferred-writes', [
      post('200', { requestHash: 'another' }),
      post('300', { idempotencyKey: 'key-2', mediaIds: ['11'] }),
      post('400', { idempotencyKey: 'key-3', mediaIds: ['10'] }),
      post('500', { idempotencyKey: 'key-4', userId: '9' }),
    ])
    expect(outcomes(results)).toEqual(['dead', 'dead', 'retry', 'dead'])
    await stage.rows(`UPDATE media SET state = 'uploaded'`)
    expect(
      outcomes(await stage.send('deferred-writes', [post('400', { idempotencyKey: 'key-3', mediaIds: ['10'] })])),
    ).toEqual(['done'])
    expect((await stage.rows('SELECT post_id FROM posts ORDER BY post_id')).map((row) => row.post_id)).toEqual([
      '100',
      '400',
    ])
  })
})
