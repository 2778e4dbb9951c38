/** Runs `work` when no other work with the same key is running. */
export type KeyedLock = <T>(key: string, work: () => Promise<T>) => Promise<T>

/** A queue per key, gone when it is empty: the map is bounded by the work in flight. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const before = tails.get(key)
    const result = (async () => {
      await before?.catch(() => undefined)
      return work()
    })()
    tails.set(key, result)
    try {
      return await result
    } finally {
      if (tails.get(key) === result) tails.delete(key)
    }
  }
}
