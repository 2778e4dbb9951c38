import { expect, it } from 'vitest'
import { createBreaker } from '#core/breaker.ts'
import { edgeQueues } from './queue.ts'

const WRITE = { kind: 'engagement.like', input: {}, traceparent: '' } as const

/** A queue that does as it is told, and counts how often it is asked. */
function queueThat(send: () => Promise<unknown>) {
  const asked = { times: 0 }
  const queue = {
    send: () => {
      asked.times++
      return send()
    },
    sendBatch: send,
  } as unknown as Queue
  return { queue, asked }
}

it('a queue that fails is left alone for a while; what needs it is refused at once, until it takes something again', async () => {
  let now = 0
  let isAway = true
  const { queue, asked } = queueThat(() => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()))
  const queues = edgeQueues(
    queue,
    queue,
    createBreaker({ failures: 2, openMs: 1_000 }, () => now),
  )
  for (let i = 0; i < 4; i++) await expect(queues.defer(WRITE)).rejects.toMatchObject({ status: 503 })
  expect(asked.times).toBe(2)
  isAway = false
  now = 1_000
  await queues.defer(WRITE)
  await queues.defer(WRITE)
  expect(asked.times).toBe(4)
})
