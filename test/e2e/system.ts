/**
 * The whole system for end-to-end tests: an origin in this process, the three Workers in workerd. Its engines are embedded, or
 * those of the cluster that E2E_ENGINES names, in places of their own there.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHarness } from 'wrangler'
import { localOrigin, writeWorkerConfigs } from '../../ops/workers.ts'
import { readConfig } from '../../origin/config.ts'
import { type Origin, type OriginOptions, startOrigin } from '../../origin/main.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { startShards } from '../contract/engines.ts'
import { clusterEngines } from '../setup/cluster-engines.ts'

export interface System {
  origin: Origin
  /** Where the api Worker listens, and with it the page. */
  url: string
  /** Sends a request to the api Worker; paths are relative to it. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Another api Worker on the same origin: a second point of presence. */
  secondPop(): Promise<(path: string, init?: RequestInit) => Promise<Response>>
  close(): Promise<void>
}

export interface SystemOptions {
  /** Further settings of the origin, for example CELEBRITY_AT. */
  env?: Record<string, string>
  /** Runs before anything works on the engines. */
  prepare?: NonNullable<OriginOptions['prepare']>
  /** Folder of the built page. Absent: there is none. */
  page?: string
  /** Postgres databases that share the shards; embedded ones, or at POSTGRES_TEST_URL. Default: the origin's own. */
  shards?: number
}

/** Starts everything on free ports and in a folder of its own. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tideline-e2e-'))
  const free = { PORT: '0', GATEWAY_PORT: '0', POSTGRES_PORT: '0', REDIS_PORT: '0', S3_PORT: '0' }
  const cluster = await clusterEngines()
  const databases = options.shards === undefined ? null : await startShards(options.shards)
  const config = readConfig({
    ...{ STATE_DIR: stateDir, REDIS_URL: 'embedded', LOG_LEVEL: 'error' },
    ...free,
    ...cluster?.env,
    ...(databases === null ? {} : { DATABASE_URLS: databases.urls.join(',') }),
    ...options.env,
  })
  const { page, prepare } = options
  const logger = createLogger({ level: config.logLevel })
  const starting = startOrigin({ config, logger, ...(prepare === undefined ? {} : { prepare }) })
  const origin = await starting.catch(async (error: unknown) => {
    await cluster?.remove()
    throw error
  })
  if (cluster !== null) console.info(Object.values(origin.engines.described).join('\n'))
  const configs = writeWorkerConfigs(join(stateDir, 'workers'), {
    ...localOrigin(config, { ...origin, objectsEndpoint: origin.engines.objectsEndpoint }),
    ...(page === undefined ? {} : { page }),
  })
  const pops: ReturnType<typeof createTestHarness>[] = []
  const pop = async () => {
    const harness = createTestHarness({ workers: configs.map((configPath) => ({ configPath })) })
    const { url } = await harness.listen()
    pops.push(harness)
    return { url: url.href, fetch: (path: string, init?: RequestInit) => fetch(new URL(path, url), init) }
  }
  try {
    return {
      origin,
      ...(await pop()),
      secondPop: async () => (await pop()).fetch,
      async close() {
        for (const harness of pops) await harness.close()
        await origin.close()
        await databases?.close()
        await cluster?.remove()
        rmSync(stateDir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await origin.close()
    await cluster?.remove()
    throw error
  }
}
