/**
 * Circuit breakers of this process, one a dependency: what has not answered lately is left alone for a moment, so that callers
 * hear at once what each of them would hear after its time-out. They wait, queue or say so; nothing is tried on their behalf.
 * Redis has none here: its connections refuse at once while they are down, node by node (origin/redis).
 */
import { type Breaker, createBreaker } from '#core/breaker.ts'
import type { Clock } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import type { Metrics } from './observe/metrics.ts'
import { isAway } from './outages.ts'

export interface Breakers {
  /** The breaker of a dependency; asked for again, the same one. */
  of(dependency: string): Breaker
  /** What is left alone now. */
  open(): string[]
}

/** As at the edge: five failures in a row are an outage, not bad luck; a second later one call may look again. */
const POLICY = Object.freeze({ failures: 5, openMs: 1_000 })

export function createBreakers(metrics: Metrics, clock: Clock): Breakers {
  const breakers = new Map<string, Breaker>()
  const isOpen = metrics.gauge('breaker_open', '1 while a dependency is left alone because it did not answer', [
    'dependency',
  ])
  const failures = metrics.counter('breaker_failures_total', 'Calls to a dependency that brought no answer', [
    'dependency',
  ])
  const make = (dependency: string): Breaker => {
    const inner = createBreaker(POLICY, clock, () => isOpen.set({ dependency }, 1))
    isOpen.set({ dependency }, 0)
    failures.inc({ dependency }, 0)
    return {
      ...inner,
      failed() {
        failures.inc({ dependency })
        inner.failed()
      },
      succeeded() {
        if (inner.isOpen()) isOpen.set({ dependency }, 0)
        inner.succeeded()
      },
    }
  }
  return {
    of(dependency) {
      const breaker = breakers.get(dependency) ?? make(dependency)
      breakers.set(dependency, breaker)
      return breaker
    },
    open: () => [...breakers].filter(([, breaker]) => breaker.isOpen()).map(([dependency]) => dependency),
  }
}

/** Names of the methods of a port that answer later. */
type Asynchronous<T> = {
  [K in keyof T]: T[K] extends (...input: never[]) => Promise<unknown> ? K : never
}[keyof T] &
  string

export interface Guard {
  breaker: Breaker
  /** What callers hear instead of waiting: an error that isAway knows. */
  away(): Error
}

/** The port, with the named methods under a breaker. Only outages count as failures (outages.ts): a refusal is an answer. */
export function guarded<T extends object>(port: T, methods: readonly Asynchronous<T>[], guard: Guard): T {
  const under = new Map<string, unknown>()
  for (const method of methods) {
    const call = (port[method] as unknown as (...input: unknown[]) => Promise<unknown>).bind(port)
    under.set(method, (...input: unknown[]) => run(() => call(...input), guard))
  }
  return new Proxy(port, {
    get(target, name) {
      const wrapped = typeof name === 'string' ? under.get(name) : undefined
      if (wrapped !== undefined) return wrapped
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export function guardedDatabase(database: Database, guard: Guard): Database {
  return {
    query: (statement) => run(() => database.query(statement), guard),
    batch: (statements) => run(() => database.batch(statements), guard),
  }
}

async function run<T>(call: () => Promise<T>, { breaker, away }: Guard): Promise<T> {
  if (!breaker.allows()) throw away()
  try {
    const answer = await call()
    breaker.succeeded()
    return answer
  } catch (error) {
    if (isAway(error)) breaker.failed()
    else breaker.succeeded()
    throw error
  }
}
