/** Server-Timing of the stages that wait for something (in production a Worker's clock stands still while it computes). */

export interface Stopwatch {
  readonly startedMs: number
  measure<T>(stage: string, work: () => Promise<T>): Promise<T>
  /** Notes something that took no time worth naming, like a cache hit. */
  note(stage: string, description: string): void
  /** Milliseconds of each stage that was measured. */
  measured(): readonly (readonly [stage: string, ms: number])[]
  /** The header's value (W3C Server Timing), or '' when nothing was measured. */
  header(): string
}

/** @param now milliseconds from any fixed point. */
export function createStopwatch(now: () => number): Stopwatch {
  const entries: string[] = []
  const measured: [string, number][] = []
  return {
    startedMs: now(),
    async measure(stage, work) {
      const start = now()
      try {
        return await work()
      } finally {
        const ms = now() - start
        measured.push([stage, ms])
        entries.push(`${stage};dur=${Math.round(ms * 10) / 10}`)
      }
    },
    note: (stage, description) => {
      entries.push(`${stage};desc=${description}`)
    },
    measured: () => measured,
    header: () => entries.join(', '),
  }
}
