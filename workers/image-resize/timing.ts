/** Server-Timing of the stages that wait for something (in production a Worker's clock stands still while it computes). */

export interface Stopwatch {
  measure<T>(stage: string, work: () => Promise<T>): Promise<T>
  /** Notes something that took no time worth naming, like a cache hit. */
  note(stage: string, description: string): void
  /** The header's value (W3C Server Timing), or '' when nothing was measured. */
  header(): string
}

/** @param now milliseconds from any fixed point. */
export function createStopwatch(now: () => number): Stopwatch {
  const entries: string[] = []
  return {
    async measure(stage, work) {
      const start = now()
      try {
        return await work()
      } finally {
        entries.push(`${stage};dur=${Math.round((now() - start) * 10) / 10}`)
      }
    },
    note: (stage, description) => {
      entries.push(`${stage};desc=${description}`)
    },
    header: () => entries.join(', '),
  }
}
