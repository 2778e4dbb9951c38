import { expect, it } from 'vitest'
import { createIdFactory } from './ids.ts'
import { LATEST_MS, mayBeOnItsWay } from './late-writes.ts'

const NOW = Date.UTC(2026, 5, 1)
const idAt = (ms: number, shard = 7) => createIdFactory(() => ms, Math.random).next(shard)
const owner = idAt(Date.UTC(2025, 5, 1))

it('what may come late is of its owner’s shard and not older than the queue is patient', () => {
  expect(mayBeOnItsWay(idAt(NOW), owner, NOW)).toBe(true)
  expect(mayBeOnItsWay(idAt(NOW + 1_000), owner, NOW)).toBe(true)
  expect(mayBeOnItsWay(idAt(NOW - LATEST_MS + 1), owner, NOW)).toBe(true)
  expect(mayBeOnItsWay(idAt(NOW - LATEST_MS), owner, NOW)).toBe(false)
  expect(mayBeOnItsWay(idAt(NOW + 61_000), owner, NOW)).toBe(false)
  expect(mayBeOnItsWay(idAt(NOW, 8), owner, NOW)).toBe(false)
})
