/** A process that publishes until it is killed, and names on standard output what the log has acknowledged. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { makeEvent } from '#core/events.ts'
import { nodeDatabase } from '#drizzle/database.ts'
import type { Published } from './event-log-engine.ts'
import { openPostgresLog } from './event-log-engines.ts'
import { openKafkaLog } from './event-log-kafka.ts'

const [engine = '', name = ''] = process.argv.slice(2)
const published = JSON.parse(engine) as Published
const log =
  published.kind === 'kafka'
    ? openKafkaLog(published)
    : openPostgresLog(nodeDatabase(drizzle(new pg.Pool({ connectionString: published.url, max: 4 }))))

for (let round = 0; ; round++) {
  const events = [0, 1, 2, 3].map((n) => {
    const id = `${name}-${round}-${n}`
    return makeEvent(
      { type: 'user.changed', key: String(round * 4 + n), actor: null, data: { userId: '1', version: round }, id },
      Date.now,
      Math.random,
    )
  })
  await log.publish(events)
  for (const event of events) process.stdout.write(`${event.id}\n`)
}
