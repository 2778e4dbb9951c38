/**
 * A whole origin on embedded engines, for tests: ports and a state folder of its own. Prints its settings as one JSON
 * line when it is up, and stops when its standard input closes, so that it never outlives the tests.
 */
import { ROLES, readConfig } from '../../origin/config.ts'
import { EDGE_DATABASE } from '../../origin/gateways.ts'
import { createInternalApi, serveApi } from '../../origin/http.ts'
import { postgresLog } from '../../origin/log/index.ts'
import { startOrigin } from '../../origin/main.ts'
import { createMedia } from '../../origin/media/index.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import { publicJwks } from '../../origin/secrets.ts'
import type { BackingBindings } from './backing.ts'

const config = readConfig({
  STATE_DIR: process.argv[2],
  LOG_LEVEL: 'silent',
  // Without recommend: what is trending would change under tests of the feed whenever a minute is over.
  ROLES: ROLES.filter((role) => role !== 'recommend').join(','),
  REDIS_URL: 'embedded',
  PORT: '0',
  GATEWAY_PORT: '0',
  POSTGRES_PORT: '0',
  REDIS_PORT: '0',
  S3_PORT: '0',
})
const origin = await startOrigin({ config })
const apiPort = origin.tiers.methods['media.create'] ? origin.port : await serveWithMedia()
const gateway = `http://127.0.0.1:${origin.gatewayPort}`
const { user, database } = EDGE_DATABASE
const bindings: BackingBindings = {
  REDIS_REST_URL: gateway,
  REDIS_REST_TOKEN: config.secrets.REDIS_REST_TOKEN,
  DATABASE_HTTP_URL: `${gateway}/sql`,
  DATABASE_URL: `postgres://${user}:${config.secrets.DATABASE_PASSWORD}@db.local/${database}`,
  ORIGIN_URL: `http://127.0.0.1:${apiPort}`,
  SERVICE_TOKEN: config.secrets.SERVICE_TOKEN,
  IMAGE_SIGNING_KEYS: config.secrets.IMAGE_SIGNING_KEYS,
  JWT_PUBLIC_JWKS: JSON.stringify(publicJwks(config.secrets)),
  TEST_PRIVATE_JWK: config.secrets.JWT_PRIVATE_JWK,
}
process.stdout.write(`${JSON.stringify(bindings)}\n`)
process.stdin.resume()
process.stdin.once('end', () => void origin.close().then(() => process.exit(0)))

/** The same methods and the media tier's, on a port of its own: while the origin's main does not wire that tier. */
async function serveWithMedia(): Promise<number> {
  const { database, databaseUrls, objects, redis } = origin.engines
  const [logger, metrics] = [createLogger({ level: 'silent' }), createMetrics()]
  const common = { database, logger, metrics, clock: Date.now, random: Math.random }
  const media = createMedia({ ...common, objects, redis, log: postgresLog({ ...common, listenUrl: databaseUrls[0] }) })
  const app = createInternalApi({
    ...common,
    serviceTokens: [config.secrets.SERVICE_TOKEN],
    methods: { ...origin.tiers.methods, ...media.handlers },
    endpoints: origin.tiers.endpoints,
  })
  return (await serveApi(app, { host: '127.0.0.1', port: 0 })).port
}
