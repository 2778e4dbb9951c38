import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { aloneSince, forgetAlone, noteAlone } from './alone.ts'
import { promote } from './promote.ts'
import { openCluster } from './state.ts'
import type { Way } from './way.ts'

const folder = mkdtempSync(join(tmpdir(), 'promote-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** None of its servers runs: whatever promotion asks of one is refused there. */
const cluster = openCluster({ folder, downloads: folder, portOffset: 23_000 }, 'cluster', 'seaweedfs')
const primary = cluster.servers.find(({ name }) => name === 'postgres-1')!
const untouched = () => Promise.reject(new Error('nothing was to be changed'))
const way: Way = {
  install: untouched,
  start: untouched,
  stop: untouched,
  finish: untouched,
  process: async () => null,
  firstOutput: untouched,
  showLog: untouched,
  lastLines: untouched,
  moveData: untouched,
  wipe: untouched,
}
const promoted = (options?: { lossy: boolean }) => promote(cluster, way, primary, () => {}, options)

it('a standby is not promoted over a dead primary that went on without it, unless the loss is accepted', async () => {
  await expect(promoted()).rejects.toThrow('postgres-1-replica does not answer')
  noteAlone(cluster, primary, Date.UTC(2026, 0, 2))
  noteAlone(cluster, primary, Date.UTC(2026, 0, 3))
  expect(aloneSince(cluster, primary)).toBe(Date.UTC(2026, 0, 2))
  await expect(promoted()).rejects.toThrow('has acknowledged writes alone since 2026-01-02')
  await expect(promoted({ lossy: true })).rejects.toThrow('postgres-1-replica does not answer')
  forgetAlone(cluster, primary)
  await expect(promoted()).rejects.toThrow('postgres-1-replica does not answer')
})
