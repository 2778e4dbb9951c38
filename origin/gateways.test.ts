/** What the gateways let wait is refused while the edge still waits for it: a refusal is an answer, silence opens a breaker. */
import { expect, it } from 'vitest'
import { EDGE_PATIENCE_MS } from '#core/patience.ts'
import { POSTGRES_LIMITS, REDIS_LIMITS } from './gateways.ts'

it('a statement that finds no connection is refused before the edge gives it up, and time is left for one that does', () => {
  expect(POSTGRES_LIMITS.queueTimeoutMs).toBeLessThanOrEqual(EDGE_PATIENCE_MS.database / 4)
  expect(POSTGRES_LIMITS.queueTimeoutMs).toBeLessThan(EDGE_PATIENCE_MS.replica)
})

it('as many pipelines are let in as are done while the edge waits for the last of them', () => {
  const pipelineMs = 0.1
  expect(REDIS_LIMITS.requests * pipelineMs).toBeLessThan(EDGE_PATIENCE_MS.redis)
})
