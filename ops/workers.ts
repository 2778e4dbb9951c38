/**
 * The three Workers on this machine: their own wrangler.toml files with the settings of a running origin, written into
 * the state folder, for `wrangler dev` and for the end-to-end harness alike.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { experimental_readRawConfig } from 'wrangler'
import { formatRanges, type ShardRange } from '#core/shard-map.ts'
import type { Config } from '../origin/config.ts'
import { EDGE_DATABASE, edgeDatabaseName, edgeReplicaName } from '../origin/gateways.ts'
import { publicJwks, type Secrets } from '../origin/secrets.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export const WORKERS = {
  api: 'wrangler.toml',
  image: 'workers/image-resize/wrangler.toml',
  fanout: 'workers/fanout-consumer/wrangler.toml',
} as const

/**
 * Everything on two cores, of which a test or a build has one: 200 ms, as in production, would show last pages for no fault
 * of a store's.
 */
export const LOCAL_FEED_BUDGET_MS = 3_000

/** Where a running origin listens, and the secrets it shares with the edge. */
export interface OriginAddress {
  originUrl: string
  gatewayUrl: string
  objectsEndpoint: string
  bucket: string
  region: string
  secrets: Secrets
  /** Which shards each of several databases holds; one database holds them all. */
  shards: readonly (readonly ShardRange[])[]
  /** By the place of its database: whether there is a replica. */
  replicas?: readonly boolean[]
  /** Origin of the page and of image addresses, for example http://127.0.0.1:8787. */
  publicUrl: string
  /** Folder of the built page; web/dist when left out. */
  page?: string
}

/** An origin on this machine, without a page of its own. */
export function localOrigin(
  config: Config,
  { port, gatewayPort, objectsEndpoint }: { port: number; gatewayPort: number | null; objectsEndpoint: string },
): OriginAddress {
  return {
    originUrl: `http://127.0.0.1:${port}`,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    objectsEndpoint,
    bucket: config.objects.bucket,
    region: config.objects.region,
    secrets: config.secrets,
    shards: (config.databases ?? []).map(({ ranges }) => ranges),
    replicas: config.replicaUrls.map((url) => url !== null),
    publicUrl: '',
  }
}

const edgeUrl = ({ secrets }: OriginAddress, database: string) =>
  `postgres://${EDGE_DATABASE.user}:${secrets.DATABASE_PASSWORD}@db.localtest/${database}`

/** One a database, as the gateway names them; which shards each holds is said only where there are several. */
function edgeConnectionStrings(address: OriginAddress): string {
  const { shards } = address
  const url = (index: number) => edgeUrl(address, edgeDatabaseName(index))
  return shards.length < 2 ? url(0) : shards.map((ranges, i) => `${url(i)}#${formatRanges(ranges)}`).join(',')
}

/** In the order of the databases; an empty place where there is none. */
const edgeReplicaStrings = (address: OriginAddress): string =>
  (address.replicas ?? []).map((isThere, i) => (isThere ? edgeUrl(address, edgeReplicaName(i)) : '')).join(',')

/** What the Workers read from their environment. */
export function workerVars(address: OriginAddress): Record<keyof typeof WORKERS, Record<string, string>> {
  const { secrets } = address
  return {
    api: {
      REDIS_REST_URL: address.gatewayUrl,
      REDIS_REST_TOKEN: secrets.REDIS_REST_TOKEN,
      DATABASE_HTTP_URL: `${address.gatewayUrl}/sql`,
      DATABASE_URL: edgeConnectionStrings(address),
      DATABASE_REPLICA_URL: edgeReplicaStrings(address),
      ORIGIN_URL: address.originUrl,
      SERVICE_TOKEN: secrets.SERVICE_TOKEN,
      JWT_PUBLIC_JWKS: JSON.stringify(publicJwks(secrets)),
      IMAGE_SIGNING_KEYS: secrets.IMAGE_SIGNING_KEYS,
      CORS_ORIGINS: '',
      IMAGE_BASE_URL: address.publicUrl,
      // A laptop under load is not a region: away means a second, not fifty milliseconds.
      REDIS_TIMEOUT_MS: '1000',
      FEED_BUDGET_MS: String(LOCAL_FEED_BUDGET_MS),
      // And so more are under way at a time, above all while something is away.
      MAX_IN_FLIGHT: '512',
    },
    image: {
      S3_ENDPOINT: address.objectsEndpoint,
      S3_BUCKET: address.bucket,
      S3_REGION: address.region,
      S3_ACCESS_KEY_ID: secrets.S3_ACCESS_KEY_ID,
      S3_SECRET_ACCESS_KEY: secrets.S3_SECRET_ACCESS_KEY,
      IMAGE_SIGNING_KEYS: secrets.IMAGE_SIGNING_KEYS,
      ORIGIN_URL: address.originUrl,
      SERVICE_TOKEN: secrets.SERVICE_TOKEN,
    },
    fanout: { ORIGIN_URL: address.originUrl, SERVICE_TOKEN: secrets.SERVICE_TOKEN },
  }
}

/**
 * Writes a configuration for each Worker into `directory`, readable by its owner only, and answers their paths, the api
 * Worker's first.
 * @param apiVars settings of the api Worker in place of those for this machine
 */
export function writeWorkerConfigs(
  directory: string,
  address: OriginAddress,
  apiVars: Readonly<Record<string, string>> = {},
): string[] {
  mkdirSync(directory, { recursive: true })
  const vars = workerVars(address)
  vars.api = { ...vars.api, ...apiVars }
  return (Object.keys(WORKERS) as (keyof typeof WORKERS)[]).map((name) => {
    const source = join(ROOT, WORKERS[name])
    const { rawConfig } = experimental_readRawConfig({ config: source })
    const folder = dirname(source)
    const { assets, secrets: _declared, build: _build, ...config } = rawConfig
    const file = join(directory, `${name}.json`)
    const page = assets?.directory === undefined ? undefined : (address.page ?? resolve(folder, assets.directory))
    // A run without the page, as a test's or a bench's, has an empty folder.
    if (page !== undefined) mkdirSync(page, { recursive: true })
    const local = {
      ...config,
      main: resolve(folder, rawConfig.main ?? 'index.ts'),
      vars: { ...rawConfig.vars, ...vars[name] },
      ...(page === undefined ? {} : { assets: { ...assets, directory: page } }),
    }
    writeFileSync(file, JSON.stringify(local, null, 2))
    chmodSync(file, 0o600)
    return file
  })
}
