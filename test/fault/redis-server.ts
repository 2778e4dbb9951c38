/** A redis-server that outlives the origin, for tests; where the machine has none they say so and skip. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../origin/embedded/free-port.ts'
import { findRedisServer, startRedisServer } from '../../origin/embedded/redis-server.ts'
import { createLogger } from '../../origin/observe/logger.ts'

/** Null where there is no redis-server on the PATH. */
export const redisCommand = (): string | null => findRedisServer(process.env.PATH ?? '')

export async function startSeparateRedis(command: string): Promise<{ url: string; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-redis-'))
  const port = await freePort()
  const server = await startRedisServer({ command, port, directory, logger: createLogger({ level: 'error' }) })
  return {
    url: server.url,
    async close() {
      await server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
