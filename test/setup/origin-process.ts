/**
 * A whole origin on embedded engines, for tests: ports and a state folder of its own. Prints its settings as one JSON
 * line when it is up, and stops when its standard input closes, so that it never outlives the tests.
 */
import { ROLES, readConfig } from '../../origin/config.ts'
import { EDGE_DATABASE } from '../../origin/gateways.ts'
import { startOrigin } from '../../origin/main.ts'
import { publicJwks } from '../../origin/secrets.ts'
import type { BackingBindings } from './backing.ts'
import { startHeldRedis } from './held-redis.ts'

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
const gateway = `http://127.0.0.1:${origin.gatewayPort}`
const { user, database } = EDGE_DATABASE
const bindings: BackingBindings = {
  REDIS_REST_URL: gateway,
  REDIS_REST_TOKEN: config.secrets.REDIS_REST_TOKEN,
  DATABASE_HTTP_URL: `${gateway}/sql`,
  DATABASE_URL: `postgres://${user}:${config.secrets.DATABASE_PASSWORD}@db.local/${database}`,
  ORIGIN_URL: `http://127.0.0.1:${origin.port}`,
  SERVICE_TOKEN: config.secrets.SERVICE_TOKEN,
  IMAGE_SIGNING_KEYS: config.secrets.IMAGE_SIGNING_KEYS,
  JWT_PUBLIC_JWKS: JSON.stringify(publicJwks(config.secrets)),
  TEST_PRIVATE_JWK: config.secrets.JWT_PRIVATE_JWK,
  TEST_HELD_REDIS_URL: await startHeldRedis(),
  // Longer than in production: a loaded machine is no outage.
  FEED_BUDGET_MS: '30000',
  REDIS_TIMEOUT_MS: '1000',
}
process.stdout.write(`${JSON.stringify(bindings)}\n`)
process.stdin.resume()
process.stdin.once('end', () => void origin.close().then(() => process.exit(0)))
