/**
 * A bound of time on what has none, or has it for each of its steps only: a page of a feed (FEED_BUDGET_MS) asks several
 * stores after one another, and where each is slow without failing, no breaker opens and a reader waits for their sum.
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
