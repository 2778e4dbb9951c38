/** Server-Timing of I/O stages. CPU time stands still inside a production Worker, so only waiting is measured. */
import type { Clock } from '#core/ids.ts'
import { URGENCY } from '#core/load.ts'
import type { Services } from '../services.ts'

export class Timings {
  /** When the request came. */
  readonly startedMs: number
  private readonly clock: Clock
  private readonly stages: { name: string; ms: number; calls: number }[] = []

  constructor(clock: Clock) {
    this.clock = clock
    this.startedMs = clock()
  }

  /** Runs a stage and adds its time to the others of the same name. */
  async time<T>(name: string, call: () => Promise<T>): Promise<T> {
    const start = this.clock()
    try {
      return await call()
    } finally {
      this.add(name, this.clock() - start)
    }
  }

  add(name: string, ms: number): void {
    const stage = this.stages.find((known) => known.name === name)
    if (stage === undefined) this.stages.push({ name, ms, calls: 1 })
    else {
      stage.ms += ms
      stage.calls++
    }
  }

  /** The header's value (W3C Server Timing); empty when nothing waited. */
  header(): string {
    return this.stages
      .map(({ name, ms, calls }) => `${name};dur=${ms}${calls > 1 ? `;desc="${calls} calls"` : ''}`)
      .join(', ')
  }

  /** How often each stage ran. */
  calls(): Record<string, number> {
    return Object.fromEntries(this.stages.map(({ name, calls }) => [name, calls]))
  }

  /** For the access log: stage → milliseconds. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.stages.map(({ name, ms }) => [name, ms]))
  }
}

/**
 * The same services, each call to a store timed and as urgent as its request. A plain object with few members: it is made on
 * every request.
 */
export function timedServices(services: Services, timings: Timings, urgency: number): Services {
  const { redis, origin, queues } = services
  const db =
    urgency < URGENCY.interactive ? services.dbOf.high : urgency > URGENCY.interactive ? services.dbOf.low : services.db
  return {
    ...services,
    redis: { pipeline: (commands) => timings.time('redis', () => redis.pipeline(commands, urgency)) },
    db: {
      query: (statement) => timings.time('postgres', () => db.query(statement)),
      batch: (statements) => timings.time('postgres', () => db.batch(statements)),
    },
    origin: {
      call: (method, input, trace) => timings.time('origin', () => origin.call(method, input, trace)),
      reachable: (trace) => origin.reachable(trace),
    },
    queues: {
      publish: (events) => queues.publish(events),
      defer: (write) => timings.time('queue', () => queues.defer(write)),
    },
  }
}
