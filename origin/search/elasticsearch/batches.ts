/**
 * Gathers what comes while a batch is under way into the next one: under load few requests carry many documents, and a
 * document that comes alone waits for nobody.
 */

/** What became of one item: null, or why it failed. */
export type Outcome = Error | null

interface Waiting<T> {
  item: T
  resolve(): void
  reject(error: unknown): void
}

/**
 * @param most items of one batch
 * @param flush answers an outcome for each item, in their order; when it throws, all of the batch have failed
 */
export function batched<T>(most: number, flush: (items: T[]) => Promise<Outcome[]>): (item: T) => Promise<void> {
  const waiting: Waiting<T>[] = []
  let isRunning = false

  const settle = async (batch: Waiting<T>[]) => {
    try {
      const outcomes = await flush(batch.map(({ item }) => item))
      for (const [i, { resolve, reject }] of batch.entries()) {
        const failure = outcomes[i]
        if (failure) reject(failure)
        else resolve()
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
