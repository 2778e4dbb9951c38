/** The end of the edge queues: events, and deferred writes of any kind. */
import { describe, expect, it } from 'vitest'
import { makeEvent } from '#core/events.ts'
import type { DeferredWrite } from '#core/origin-api.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { changed, outcomes, useIngestStage } from '../../test/contract/ingest-stage.ts'

const stage = useIngestStage()

describe('events from the edge queue', () => {
  it('go into the log, and only then are marked in the outbox', async () => {
    const events = [changed('1'), changed('2')]
    await stage.database.query(insertOutbox([...events, changed('3')]))
    stage.away.log = true
    expect(outcomes(await stage.send('events', events))).toEqual(['retry', 'retry'])
    expect(await stage.rows('SELECT 1 FROM outbox WHERE published_at IS NOT NULL')).toEqual([])
    stage.away.log = false
    expect(outcomes(await stage.send('events', events))).toEqual(['done', 'done'])
    expect((await stage.inLog()).toSorted()).toEqual(events.map((event) => event.id).toSorted())
    const marked = await stage.rows('SELECT event_id FROM outbox WHERE published_at IS NOT NULL ORDER BY event_id')
    expect(marked.map((row) => row.event_id)).toEqual(events.map((event) => event.id).toSorted())
  })

  it('are judged one by one: a poison message dies alone, with its reason kept', async () => {
    const good = changed('1')
    const nul = makeEvent(
      {
        type: 'post.created',
        key: '1',
        actor: null,
        data: { postId: '5', userId: '1', version: 1, awaitsMedia: false, hashtags: ['\0'] },
      },
      Date.now,
      Math.random,
    )
    const results = await stage.send('events', [{ type: 'nonsense' }, good, 'text', null, nul])
    expect(outcomes(results)).toEqual(['dead', 'done', 'dead', 'dead', 'dead'])
    expect(await stage.inLog()).toEqual([good.id])
    const letters = await stage.rows('SELECT message_id, reason, body FROM dead_letters ORDER BY message_id')
    expect(letters.map((letter) => letter.message_id)).toEqual(['m0', 'm2', 'm3', 'm4'])
    expect(letters[0]!.reason).toContain('not a message we know')
    expect(JSON.parse(String(letters[3]!.body))).toEqual(nul)
  })

  it('are not called dead before the letter is stored', async () => {
    stage.away.letters = true
    expect(outcomes(await stage.send('events', ['text']))).toEqual(['retry'])
  })
})

describe('deferred writes', () => {
  const like = (postId: string): DeferredWrite => ({
    kind: 'engagement.like',
    input: { postId, authorId: '2', userId: '1', at: 5 },
    traceparent: null,
  })

  it('are applied, tried again or given up, each by itself', async () => {
    const results = await stage.send('deferred-writes', [
      like('7'),
      like('404'),
      like('503'),
      { ...like('7'), input: { postId: 'x' } },
      { ...like('7'), kind: 'engagement.share' },
    ])
    expect(outcomes(results)).toEqual(['done', 'dead', 'retry', 'dead', 'dead'])
    expect(stage.liked).toEqual([{ postId: '7', authorId: '2', userId: '1', at: 5 }])
  })

  it('wait for a comment that may come later, and end with one that was deleted', async () => {
    const edit = (commentId: string) => ({
      kind: 'engagement.editComment',
      input: { commentId, postId: '7', authorId: '2', userId: '1', body: 'hello', at: 5 },
      traceparent: null,
    })
    expect(outcomes(await stage.send('deferred-writes', [edit('1'), edit('2')]))).toEqual(['done', 'retry'])
    expect(await stage.rows('SELECT 1 FROM dead_letters')).toEqual([])
  })
})
