/** The gateways as a process of their own, as ROLES=gateway runs them: so that their CPU is accounted apart. */
import { readConfig } from '../../origin/config.ts'
import { serveGateways } from '../../origin/gateways.ts'
import { createLogger } from '../../origin/observe/logger.ts'

const config = readConfig(process.env)
const targets = { redisUrl: process.env.REDIS_URL ?? '', databaseUrls: [process.env.DATABASE_URLS ?? ''] as const }
await serveGateways(config, targets, createLogger({ level: 'warn' }))
