/** What a process waits for, at its start or since: said in the log, and by /health for as long as it lasts. */
import type { Logger } from './observe/logger.ts'

export interface Waits {
  /** Begins to wait. Answers what ends it. */
  begin(what: string): () => void
  /** Says why what is waited for is not there yet, as far as is known: whoever is told hears it, too. */
  because(what: string, reason: string): void
  /** Waits for work, whichever way it ends. */
  during<T>(what: string, work: Promise<T>): Promise<T>
  /** What is waited for now, in the order in which that began. */
  now(): string[]
}

/** A start takes a second or two of each engine: what takes longer is told, and again at every doubling. */
const TOLD_AFTER_MS = 3_000
const LONGEST_SILENCE_MS = 60_000

/** @param tell is told, too, what has been waited for a while, and why if that is known */
export function createWaits(logger: Logger, tell: (what: string, reason: string | null) => void = () => {}): Waits {
  const open = new Set<{ what: string; reason: string | null }>()
  function begin(what: string): () => void {
    const wait: { what: string; reason: string | null } = { what, reason: null }
    open.add(wait)
    let pauseMs = TOLD_AFTER_MS
    let timer: NodeJS.Timeout
    const tellLater = () => {
      timer = setTimeout(() => {
        logger.warn({ for: what, because: wait.reason }, 'still waiting')
        tell(what, wait.reason)
        pauseMs = Math.min(2 * pauseMs, LONGEST_SILENCE_MS)
        tellLater()
      }, pauseMs)
      timer.unref()
    }
    tellLater()
    return () => {
      clearTimeout(timer)
      open.delete(wait)
    }
  }
  return {
    begin,
    because(what, reason) {
      for (const wait of open) if (wait.what === what) wait.reason = reason
    },
    async during(what, work) {
      const end = begin(what)
      try {
        return await work
      } finally {
        end()
      }
    },
    now: () => [...open].map(({ what }) => what),
  }
}
