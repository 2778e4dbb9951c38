/** Counts of one isolate, kept until the origin has them. Bounded: routes, statuses and steps of time are few. */
import type {
  DegradedBy,
  EdgeDependency,
  EdgeObservations,
  PictureStage,
  ReadLayer,
  ShedOutcome,
} from './edge-observations.ts'
import type { LoadClass } from './load.ts'

const HAND_OVER_MS = 5_000

export class Observations {
  private readonly answers = new Map<string, Map<number, number>>()
  private readonly reads = new Map<ReadLayer, { hits: number; misses: number }>()
  private readonly pages = new Map<DegradedBy, number>()
  private readonly pictures = new Map<PictureStage, Map<number, number>>()
  private readonly let = new Map<`${LoadClass} ${ShedOutcome}`, number>()
  private readonly openings = new Map<EdgeDependency, number>()
  private takenMs: number

  /** @param nowMs the first hand-over comes a while later, when there is something to tell */
  constructor(nowMs: number) {
    this.takenMs = nowMs
  }

  /** @param route a verb and a route's pattern, never a path that a caller made up: "GET /v1/posts/:id" */
  answered(route: string, status: number, ms: number): void {
    add(this.answers, `${status} ${route}`, step(ms), 1)
  }

  read(layer: ReadLayer, hits: number, misses: number): void {
    const sums = this.reads.get(layer)
    if (sums === undefined) this.reads.set(layer, { hits, misses })
    else {
      sums.hits += hits
      sums.misses += misses
    }
  }

  degraded(by: DegradedBy, pages = 1): void {
    raise(this.pages, by, pages)
  }

  /** A request that there was no room for. */
  shed(kind: LoadClass, outcome: ShedOutcome, requests = 1): void {
    raise(this.let, `${kind} ${outcome}`, requests)
  }

  /** A circuit breaker has opened. */
  opened(dependency: EdgeDependency, times = 1): void {
    raise(this.openings, dependency, times)
  }

  /** A stage of making a picture that no cache has. */
  pictured(stage: PictureStage, ms: number): void {
    add(this.pictures, stage, step(ms), 1)
  }

  /** What is to be told now; null while it is too early. Whoever takes it hands it over, or puts it back. */
  takeDue(nowMs: number): EdgeObservations | null {
    if (nowMs - this.takenMs < HAND_OVER_MS) return null
    this.takenMs = nowMs
    const taken: EdgeObservations = {
      answers: [...this.answers].map(([key, ms]) => {
        const [status = '', ...route] = key.split(' ')
        return { route: route.join(' '), status: Number(status), ms: [...ms] }
      }),
      reads: [...this.reads].map(([layer, sums]) => ({ layer, ...sums })),
      degraded: [...this.pages].map(([by, pages]) => ({ by, pages })),
      pictures: [...this.pictures].map(([stage, ms]) => ({ stage, ms: [...ms] })),
      shed: [...this.let].map(([key, requests]) => {
        const [kind, outcome] = key.split(' ') as [LoadClass, ShedOutcome]
        return { kind, outcome, requests }
      }),
      opened: [...this.openings].map(([dependency, times]) => ({ dependency, times })),
    }
    const all = [this.answers, this.reads, this.pages, this.pictures, this.let, this.openings]
    for (const counts of all) counts.clear()
    return taken
  }

  /** For what the origin did not take: it is told with the next. An answer that was lost makes it count twice. */
  putBack({ answers, reads, degraded, pictures, shed, opened }: EdgeObservations): void {
    for (const { route, status, ms } of answers) {
      for (const [took, times] of ms) add(this.answers, `${status} ${route}`, took, times)
    }
    for (const { layer, hits, misses } of reads) this.read(layer, hits, misses)
    for (const { by, pages } of degraded) this.degraded(by, pages)
    for (const { stage, ms } of pictures) {
      for (const [took, times] of ms) add(this.pictures, stage, took, times)
    }
    for (const { kind, outcome, requests } of shed) this.shed(kind, outcome, requests)
    for (const { dependency, times } of opened) this.opened(dependency, times)
  }
}

function add<K>(sums: Map<K, Map<number, number>>, key: K, ms: number, times: number): void {
  let steps = sums.get(key)
  if (steps === undefined) {
    steps = new Map()
    sums.set(key, steps)
  }
  steps.set(ms, (steps.get(ms) ?? 0) + times)
}

const raise = <K>(counts: Map<K, number>, key: K, times: number) => counts.set(key, (counts.get(key) ?? 0) + times)

/** Milliseconds in steps that grow with them: some 500 in all, finer than the buckets that they end in. */
function step(ms: number): number {
  if (ms < 100) return Math.max(0, Math.round(ms))
  return ms < 1_000 ? Math.round(ms / 10) * 10 : Math.min(Math.round(ms / 100) * 100, 30_000)
}
