/**
 * The origin: one process with every role, or those that ROLES names. Reads like the architecture diagram: engines, then
 * the log, then the tiers, then what serves them.
 */
import { pathToFileURL } from 'node:url'
import { problems } from '#core/problem.ts'
import { type Breakers, createBreakers } from './breakers.ts'
import { type Config, readConfig } from './config.ts'
import { type Engines, openEngines } from './engines.ts'
import { type Gateways, serveGateways } from './gateways.ts'
import { createInternalApi, type InternalApi, serveApi } from './http.ts'
import { createLogger, type Logger } from './observe/logger.ts'
import { createMetrics, type Metrics } from './observe/metrics.ts'
import { sentenceOf } from './observe/sentence.ts'
import { openEventLog } from './open-log.ts'
import { publicJwks } from './secrets.ts'
import { createTiers, type Tiers } from './tiers.ts'
import { createWaits, type Waits } from './waits.ts'

export interface Origin {
  config: Config
  engines: Engines
  tiers: Tiers
  port: number
  gatewayPort: number | null
  /** Stops taking work, lets what is under way finish, then closes the engines. */
  close(): Promise<void>
}

export interface OriginOptions {
  config: Config
  logger?: Logger
  /** Runs when engines and tiers stand and before anything is consumed or served: the demo seeds there. */
  prepare?(engines: Engines, tiers: Tiers): Promise<unknown>
  /** Told in a sentence of an engine that this process started and that ended by itself. */
  onEngineDeath?(sentence: string): void
  /** Told what is still waited for, now and then, and in a sentence why, if that is known. */
  onWaiting?(what: string, reason: string | null): void
}

export async function startOrigin({
  config,
  logger = createLogger({ level: config.logLevel }),
  prepare,
  onEngineDeath: onDeath,
  onWaiting,
}: OriginOptions): Promise<Origin> {
  const metrics = createMetrics({ processMetrics: true })
  const waits = createWaits(logger, onWaiting)
  const breakers = createBreakers(metrics, Date.now)
  let tiers: Tiers | null = null
  let gateways: Gateways | null = null
  let served = startingApi(waits)
  const api = await serveApi({ fetch: (...request) => served.fetch(...request) }, config)
  const engines = await openEngines({ config, logger, waits, breakers, onDeath }).catch(async (error: unknown) => {
    await api.close()
    throw error
  })
  engines.replicas.observe(metrics)
  const log = await openEventLog({ config, engines, logger, metrics, breakers })
  const close = async () => {
    // The edge first, then the consumers, then what they stand on.
    await api.close()
    await tiers?.close()
    await log.close()
    await gateways?.close()
    await engines.close()
  }
  try {
    if (engines.redisLostSince !== null) await log.rewind(engines.redisLostSince)
    tiers = await createTiers({ config, engines, log, logger, metrics })
    await prepare?.(engines, tiers)
    if (config.roles.has('gateway')) gateways = await serveGateways(config, engines, logger)
    tiers.start()
    served = internalApi({ config, engines, tiers, logger, metrics, waits, breakers })
    return { config, engines, tiers, port: api.port, gatewayPort: gateways?.port ?? null, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Until everything stands: /health says what is waited for, and whoever calls is told to come again. */
function startingApi(waits: Waits): Pick<InternalApi, 'fetch'> {
  return {
    fetch: (request) => {
      const { pathname } = new URL(request.url)
      if (pathname !== '/health') return problems.away('The origin').toResponse(pathname, '')
      return Response.json({ status: 'starting', waitingFor: waits.now() }, { status: 503 })
    },
  }
}

interface Parts {
  config: Config
  engines: Engines
  tiers: Tiers
  logger: Logger
  metrics: Metrics
  waits: Waits
  breakers: Breakers
}

function internalApi({ config, engines, tiers, logger, metrics, waits, breakers }: Parts): InternalApi {
  const app = createInternalApi({
    serviceTokens: [config.secrets.SERVICE_TOKEN],
    methods: tiers.methods,
    endpoints: tiers.endpoints,
    health: {
      postgres: () => Promise.all(engines.pools.map((pool) => pool.query('select 1'))),
      redis: () => Promise.all(engines.redis.masters().map((master) => master.pipeline([['PING']]))),
      ...engines.checks,
    },
    details: () => ({
      ...(config.replicaUrls.length === 0 ? {} : { replicas: engines.replicas.states() }),
      ...(waits.now().length === 0 ? {} : { waitingFor: waits.now() }),
      ...(breakers.open().length === 0 ? {} : { leftAlone: breakers.open() }),
    }),
    clock: Date.now,
    random: Math.random,
    logger,
    metrics,
  })
  app.get('/.well-known/jwks.json', (c) => c.json(publicJwks(config.secrets)))
  return app
}

/** Supervisors kill after 30 s without a word (Kubernetes' default): the log says before that what happened. */
const DRAIN_MS = 20_000

/** Runs until a signal, then drains. A second signal ends at once, and so does a drain that does not come to an end. */
async function run(): Promise<void> {
  const config = readConfig(process.env)
  const logger = createLogger({ level: config.logLevel })
  const origin = await startOrigin({ config, logger })
  logger.info({ port: origin.port, gatewayPort: origin.gatewayPort, engines: origin.engines.described }, 'origin is up')
  let isStopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      logger.info({ signal }, 'stopping')
      setTimeout(() => {
        logger.error({ afterMs: DRAIN_MS }, 'the origin did not drain in time and ends with work under way')
        process.exit(1)
      }, DRAIN_MS).unref()
      origin.close().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'the origin did not stop cleanly')
          process.exit(1)
        },
      )
    })
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await run().catch((error: unknown) => {
    process.stderr.write(`The origin did not start. ${sentenceOf(error)}\n`)
    process.exit(1)
  })
}
