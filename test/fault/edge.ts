/** The three Workers beside an origin that comes and goes: their queues live here and are spared. */
import { join } from 'node:path'
import { createTestHarness } from 'wrangler'
import { localOrigin, writeWorkerConfigs } from '../../ops/workers.ts'
import { type Config, readConfig } from '../../origin/config.ts'
import type { Fetch } from '../e2e/person.ts'
import type { Ports } from './origin-process.ts'

export interface Edge {
  fetch: Fetch
  originUrl: string
  config: Config
  close(): Promise<void>
}

/** A second edge beside others before the same origin. */
export interface Location {
  name: string
  /** Settings of the api Worker in place of those for a busy machine. */
  apiVars: Readonly<Record<string, string>>
}

/** @param env the origin's settings; gateway and object store may have an address of their own */
export async function startEdge(
  env: Ports & Record<string, string>,
  { name, apiVars }: Location = { name: 'workers', apiVars: {} },
): Promise<Edge> {
  const config = readConfig(env)
  const objectsEndpoint = config.objects.endpoint ?? `http://127.0.0.1:${env.S3_PORT}`
  const address = localOrigin(config, {
    port: Number(env.PORT),
    gatewayPort: Number(env.GATEWAY_PORT),
    objectsEndpoint,
  })
  const paths = writeWorkerConfigs(join(config.stateDir, name), address, apiVars)
  const harness = createTestHarness({ workers: paths.map((configPath) => ({ configPath })) })
  const { url } = await harness.listen()
  return {
    fetch: (path, init) => fetch(new URL(path, url), init),
    originUrl: address.originUrl,
    config,
    close: () => harness.close(),
  }
}
