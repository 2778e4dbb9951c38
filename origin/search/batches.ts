/**
 * Gathers what comes while a batch is under way into the next one: under load few requests carry many documents, and a
 * document that comes alone waits for nobody.
 */

interface Waiting<T, R> {
  item: T
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * @param most items of one batch
 * @param flush answers for each item, in their order, what became of it; when it throws, all of the batch have failed
 */
export function batched<T, R>(
  most: number,
  flush: (items: T[]) => Promise<readonly (R | Error)[]>,
): (item: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = []
  let isRunning = false

  const settle = async (batch: Waiting<T, R>[]) => {
    try {
      const outcomes = await flush(batch.map(({ item }) => item))
      for (const [i, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[i]
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome as R)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
  const run = async () => {
    // Callers of the same turn of the event loop go together from the start.
    await Promise.resolve()
    while (waiting.length > 0) await settle(waiting.splice(0, most))
    isRunning = false
  }
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (isRunning) return
      isRunning = true
      void run()
    })
}
