import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test'
import { describe, expect, inject, it } from 'vitest'
import { makeEvent } from '#core/events.ts'
import type { DeferredWrite } from '#core/origin-api.ts'
import worker from './index.ts'

const env: FanoutConsumerEnv = { ORIGIN_URL: inject('originUrl'), SERVICE_TOKEN: 'a-service-token-for-tests' }

declare module 'vitest' {
  interface ProvidedContext {
    originUrl: string
  }
}

interface Sent {
  id: string
  body: unknown
  attempts?: number
}

/** Runs a batch through the Worker and answers what it told the platform; delays are noted on their way there. */
async function consume(queue: string, sent: readonly Sent[], settings: Partial<FanoutConsumerEnv> = {}) {
  const batch = createMessageBatch(
    queue,
    sent.map(({ id, body, attempts = 1 }) => ({ id, body, attempts, timestamp: new Date(0) })),
  )
  const delays: number[] = []
  for (const message of batch.messages) {
    const retry = message.retry.bind(message)
    const noting = (options?: QueueRetryOptions) => {
      delays.push(options?.delaySeconds ?? 0)
      retry(options)
    }
    Object.defineProperty(message, 'retry', { value: noting })
  }
  const context = createExecutionContext()
  await worker.queue(batch, { ...env, ...settings })
  const { explicitAcks, retryMessages, ackAll } = await getQueueResult(batch, context)
  return {
    acks: ackAll ? sent.map(({ id }) => id) : explicitAcks,
    retries: retryMessages.map(({ msgId }) => msgId),
    delays,
  }
}

interface Letter {
  queue: string
  message_id: string
  reason: string
}

async function atOrigin(): Promise<{ events: string[]; letters: Letter[] }> {
  const answer = await fetch(`${env.ORIGIN_URL}/internal/test-inspect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${env.SERVICE_TOKEN}` },
    body: '{}',
  })
  return answer.json()
}

const changed = (userId: string) =>
  makeEvent({ type: 'user.changed', key: userId, actor: userId, data: { userId, version: 1 } }, Date.now, Math.random)

const like = (postId: string): DeferredWrite => ({
  kind: 'engagement.like',
  input: { postId, authorId: '2', userId: '1', at: 5 },
  traceparent: null,
})

describe('events', () => {
  it('are acknowledged once they stand in the log', async () => {
    const events = [changed('1'), changed('2')]
    const { acks, retries } = await consume('events', [
      { id: 'a', body: events[0] },
      { id: 'b', body: events[1] },
    ])
    expect([acks, retries]).toEqual([['a', 'b'], []])
    expect((await atOrigin()).events).toEqual(expect.arrayContaining(events.map((event) => event.id)))
  })

  it('do not suffer from a poison message among them: it is laid aside with its reason', async () => {
    const event = changed('3')
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const { acks, retries } = await consume('events', [
      { id: 'poison-type', body: { type: 'nonsense' } },
      { id: 'poison-text', body: 'text' },
      { id: 'poison-bigint', body: { n: 1n } },
      { id: 'poison-circle', body: circular },
      { id: 'good', body: event },
    ])
    expect(retries).toEqual([])
    expect(acks).toEqual(['poison-type', 'poison-text', 'poison-bigint', 'poison-circle', 'good'])
    const { events, letters } = await atOrigin()
    expect(events).toContain(event.id)
    const poison = letters.filter((letter) => letter.message_id.startsWith('poison'))
    expect(poison.map((letter) => letter.message_id).toSorted()).toEqual(
      ['poison-type', 'poison-text', 'poison-bigint', 'poison-circle'].toSorted(),
    )
    for (const letter of poison) expect(letter.reason).toContain('not a message we know')
  })

  it('all come back, later and later, while the origin is away', async () => {
    const sent = [1, 5, 20, 21, 25, 99].map((attempts) => ({ id: `try-${attempts}`, body: changed('4'), attempts }))
    // Port 9 is "discard": nobody listens there.
    const { acks, retries, delays } = await consume('events', sent, { ORIGIN_URL: 'http://127.0.0.1:9' })
    expect(acks).toEqual([])
    expect(retries).toEqual(sent.map(({ id }) => id))
    const [first, fifth, twentieth, next, later, last] = delays
    expect(first).toBe(1)
    expect(fifth).toBeLessThanOrEqual(5)
    expect(twentieth).toBeGreaterThanOrEqual(15)
    expect(next).toBeGreaterThanOrEqual(30)
    expect(later).toBeGreaterThanOrEqual(480)
    expect(last).toBeGreaterThanOrEqual(675)
    expect(last).toBeLessThanOrEqual(900)
  })

  it('all come back when the origin refuses the batch', async () => {
    const { acks, retries } = await consume('events', [{ id: 'a', body: changed('5') }], { SERVICE_TOKEN: 'wrong' })
    expect([acks, retries.length]).toEqual([[], 1])
  })
})

describe('deferred writes', () => {
  it('get an outcome each: applied, tried again, or given up', async () => {
    const { acks, retries, delays } = await consume('deferred-writes', [
      { id: 'applied', body: like('1') },
      { id: 'away', body: like('503'), attempts: 3 },
      { id: 'write-poison', body: { kind: 'nothing' } },
    ])
    expect(acks).toEqual(['applied', 'write-poison'])
    expect(retries).toEqual(['away'])
    expect(delays[0]).toBeGreaterThanOrEqual(2)
    expect(delays[0]).toBeLessThanOrEqual(3)
    const { letters } = await atOrigin()
    expect(letters).toContainEqual({
      queue: 'deferred-writes',
      message_id: 'write-poison',
      reason: expect.stringContaining('kind'),
    })
  })
})

describe('dead-letter queues', () => {
  it.each([
    ['events-dead', 'events'],
    ['deferred-writes-dead', 'deferred-writes'],
  ])('%s is brought into durable storage', async (queue, origin) => {
    const sent = [{ id: `dead-${origin}`, body: { anything: true }, attempts: 1 }]
    expect((await consume(queue, sent)).acks).toEqual([`dead-${origin}`])
    const { letters } = await atOrigin()
    expect(letters).toContainEqual({ queue: origin, message_id: `dead-${origin}`, reason: 'retries exhausted' })
  })

  it('keeps its letters while the origin is away', async () => {
    const sent = [{ id: 'x', body: 1 }]
    const { acks, retries } = await consume('events-dead', sent, { ORIGIN_URL: 'http://127.0.0.1:9' })
    expect([acks, retries.length]).toEqual([[], 1])
  })
})

it('fails loudly for a queue it does not know, which keeps the messages', async () => {
  await expect(consume('strangers', [{ id: 'a', body: 1 }])).rejects.toThrow('no consumer for the queue strangers')
})
