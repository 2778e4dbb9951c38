import { copyFile, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startSession } from './testing/session.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'embedded-redis-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

it('brings every type back after a restart, under a new run id', async () => {
  const snapshotFile = join(directory, 'types.snapshot')
  const before = await startSession({ snapshotFile })
  await before.ask('SET s', 'ÿ\0')
  await before.ask('SETBIT b 70 1')
  await before.ask('HSET h a 1 b 2')
  await before.ask('SADD e x y')
  await before.ask('ZADD z inf a 1.5 b')
  await before.ask('RPUSH l 1 2 3')
  await before.ask('XADD x 5-1 f v')
  await before.ask('SET short v PX 500')
  await before.ask('SET long v EX 500')
  await before.ask('SELECT 3')
  await before.ask('SET other v')
  await before.server.close()

  const after = await startSession({ snapshotFile, clock: () => before.clock.now + 1000 })
  expect(after.server.runId).not.toBe(before.server.runId)
  expect(await after.ask('GET s')).toBe('ÿ\0')
  expect(await after.ask('GETBIT b 70')).toBe(1)
  expect(await after.ask('HGETALL h')).toEqual(['a', '1', 'b', '2'])
  expect(await after.ask('SMEMBERS e')).toEqual(['x', 'y'])
  expect(await after.ask('ZRANGE z 0 -1 WITHSCORES')).toEqual(['b', '1.5', 'a', 'inf'])
  expect(await after.ask('LRANGE l 0 -1')).toEqual(['1', '2', '3'])
  expect(await after.ask('XRANGE x - +')).toEqual([['5-1', ['f', 'v']]])
  expect(await after.ask('EXISTS short')).toBe(0)
  expect(await after.ask('TTL long')).toBe(499)
  await after.ask('SELECT 3')
  expect(await after.ask('GET other')).toBe('v')
})

it('shows one moment although writes go on meanwhile', async () => {
  const snapshotFile = join(directory, 'moment.snapshot')
  const { server, ask, connect } = await startSession({ snapshotFile })
  const fill = Array.from({ length: 5000 }, (_, i) => ['RPUSH', `k${i}`, 'old'])
  const client = await connect()
  await client.pipeline(fill)
  const saved = server.snapshot()
  await client.pipeline(
    fill.flatMap(([, key], i) => [i % 3 === 0 ? ['DEL', key!] : ['RPUSH', key!, 'new'], ['SET', `n${i}`, '1']]),
  )
  await saved
  await ask('FLUSHALL')
  await copyFile(snapshotFile, `${snapshotFile}.copy`)
  const restored = await startSession({ snapshotFile: `${snapshotFile}.copy` })
  const reader = await restored.connect()
  expect(await restored.ask('DBSIZE')).toBe(5000)
  const lists = await reader.pipeline(fill.map(([, key]) => ['LRANGE', key!, '0', '-1']))
  expect(new Set(lists.map(String))).toEqual(new Set(['old']))
})

it('puts a damaged file aside and starts empty', async () => {
  const snapshotFile = join(directory, 'damaged.snapshot')
  await writeFile(snapshotFile, 'TIDEREDIS1\x09\x00')
  const messages: string[] = []
  const { ask } = await startSession({ snapshotFile, log: (message) => messages.push(message) })
  expect(await ask('DBSIZE')).toBe(0)
  expect(messages[0]).toContain('starting empty')
  expect(await readdir(directory)).toContain('damaged.snapshot.damaged')
})

it('tells from when on writes are missing when the process before was killed', async () => {
  const snapshotFile = join(directory, 'killed.snapshot')
  const first = await startSession({ snapshotFile })
  expect(first.server.lostSince).toBeNull()
  const startedMs = first.clock.now

  // A killed process leaves the files as they are at that moment.
  const killed = async (name: string) => {
    const copy = join(directory, name)
    for (const suffix of ['', '.running']) {
      await copyFile(snapshotFile + suffix, copy + suffix).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    }
    return copy
  }
  expect((await startSession({ snapshotFile: await killed('early') })).server.lostSince).toBe(startedMs)

  first.clock.now += 5_000
  await first.ask('SET kept 1')
  const snapshotMs = first.clock.now
  await first.server.snapshot()
  first.clock.now += 5_000
  await first.ask('SET lost 1')
  const copy = await killed('late')
  const { mtime } = await stat(snapshotFile)
  await utimes(copy, mtime, mtime)
  const second = await startSession({ snapshotFile: copy })
  expect(second.server.lostSince).toBe(snapshotMs)
  expect(await second.ask('MGET kept lost')).toEqual(['1', null])
  await second.server.close()
  expect((await startSession({ snapshotFile: copy })).server.lostSince).toBeNull()
})
