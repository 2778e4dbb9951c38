/**
 * A feed's budget as a whole (FEED_BUDGET_MS). Each store has one of its own, but a page may take several steps after one
 * another, and where each is slow without failing, no breaker opens and a reader waits for their sum.
 */

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
