/** The event log that the settings ask for: Kafka, or tables in the Postgres that is there anyway. */
import { problems } from '#core/problem.ts'
import { type Breakers, guarded } from './breakers.ts'
import type { Config } from './config.ts'
import type { Engines } from './engines.ts'
import type { OperableEventLog } from './event-log.ts'
import { postgresLog } from './log/index.ts'
import type { Logger } from './observe/logger.ts'
import type { Metrics } from './observe/metrics.ts'

interface LogNeeds {
  config: Config
  engines: Engines
  logger: Logger
  metrics: Metrics
  breakers: Breakers
}

/** Opens it before the first subscription. A Kafka that is away does not hold up the start: the outbox keeps the events. */
export async function openEventLog({
  config,
  engines,
  logger,
  metrics,
  breakers,
}: LogNeeds): Promise<OperableEventLog> {
  const common = { clock: Date.now, random: Math.random, logger, metrics }
  if (config.kafka !== null) {
    // Loaded when asked for: most starts need neither client library.
    const { kafkaLog } = await import('./log/kafka/index.ts')
    const log = kafkaLog({ ...common, ...config.kafka })
    await log.start().catch((error: unknown) => {
      logger.warn({ err: error }, 'Kafka cannot be reached; events wait in the outbox, consumers for its return')
    })
    // Publishing gives up after ten seconds: those who come meanwhile need not wait as long.
    const away = () => problems.away('The event log', 1)
    return guarded<OperableEventLog>(log, ['publish'], { breaker: breakers.of('kafka'), away })
  }
  const log = postgresLog({
    ...common,
    database: engines.directory,
    listenUrl: engines.databaseUrls[0],
    vacuum: engines.needsVacuum,
  })
  // Its members die with the embedded engine.
  if (config.databases === null) await log.buryMembers()
  return log
}
