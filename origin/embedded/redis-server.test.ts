/** The redis-server of this machine that the origin starts, where there is one. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createLogger } from '../observe/logger.ts'
import { freePort } from './free-port.ts'
import { findRedisServer, startRedisServer } from './redis-server.ts'

const command = findRedisServer(process.env.PATH ?? '')

/** A run shows titles, not conditions. */
const unlessThere = command === null ? ' (skipped: no redis-server or valkey-server on the PATH)' : ''

it.skipIf(command === null)(`says so when it ends by itself, and nothing when it is closed${unlessThere}`, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-redis-server-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const deaths: string[] = []
  const start = async () =>
    startRedisServer({
      command: command ?? '',
      port: await freePort(),
      directory,
      logger: createLogger({ level: 'silent' }),
      onDeath: (why) => deaths.push(why),
    })
  await (await start()).close()
  expect(deaths).toEqual([])

  const killed = await start()
  process.kill(Number(readFileSync(join(directory, 'server.pid'), 'utf8')), 'SIGKILL')
  await expect.poll(() => deaths).toEqual(['by SIGKILL'])
  await killed.close()
})
