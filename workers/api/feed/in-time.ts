/**
 * A feed's budget as a whole. Each store has one of its own (config.ts), but a page may take several steps after one another, and
 * where each is slow without failing, no breaker opens and a reader waits for their sum.
 */

/** One budget of Postgres, the longest of them: who has waited for it once is shown what there is. */
export const FEED_BUDGET_MS = 3_000

/**
 * What comes of work, or null when it takes longer. It goes on: what it reads, the next page finds.
 * @param milliseconds from now
 * @throws what the work throws within that time; later it is told to nobody
 */
export async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
