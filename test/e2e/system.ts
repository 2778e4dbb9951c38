/** The whole system for end-to-end tests: an origin with its engines in this process, the three Workers in workerd. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHarness } from 'wrangler'
import { writeWorkerConfigs } from '../../ops/workers.ts'
import { readConfig } from '../../origin/config.ts'
import { type Origin, startOrigin } from '../../origin/main.ts'
import { createLogger } from '../../origin/observe/logger.ts'

export interface System {
  origin: Origin
  /** Sends a request to the api Worker; paths are relative to it. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Another api Worker on the same origin: a second point of presence. */
  secondPop(): Promise<(path: string, init?: RequestInit) => Promise<Response>>
  close(): Promise<void>
}

export interface SystemOptions {
  /** Further settings of the origin, for example CELEBRITY_AT. */
  env?: Record<string, string>
}

/** Starts everything on free ports and in a folder of its own. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tideline-e2e-'))
  const free = { PORT: '0', GATEWAY_PORT: '0', POSTGRES_PORT: '0', REDIS_PORT: '0', S3_PORT: '0' }
  const config = readConfig({ STATE_DIR: stateDir, REDIS_URL: 'embedded', LOG_LEVEL: 'error', ...free, ...options.env })
  const origin = await startOrigin({ config, logger: createLogger({ level: config.logLevel }) })
  const configs = writeWorkerConfigs(join(stateDir, 'workers'), {
    originUrl: `http://127.0.0.1:${origin.port}`,
    gatewayUrl: `http://127.0.0.1:${origin.gatewayPort}`,
    objectsEndpoint: origin.engines.objectsEndpoint,
    bucket: config.objects.bucket,
    region: config.objects.region,
    secrets: config.secrets,
    publicUrl: '',
  })
  const pops: ReturnType<typeof createTestHarness>[] = []
  const pop = async () => {
    const harness = createTestHarness({ workers: configs.map((configPath) => ({ configPath })) })
    const { url } = await harness.listen()
    pops.push(harness)
    return (path: string, init?: RequestInit) => fetch(new URL(path, url), init)
  }
  try {
    return {
      origin,
      fetch: await pop(),
      secondPop: pop,
      async close() {
        for (const harness of pops) await harness.close()
        await origin.close()
        rmSync(stateDir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await origin.close()
    throw error
  }
}
