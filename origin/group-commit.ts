/**
 * What arrives while a write is under way goes together in the next one: under load an engine pays one round trip and one
 * commit for many callers, and an idle one makes nobody wait.
 */
interface Waiting<T, R> {
  items: readonly T[]
  resolve(results: readonly R[]): void
  reject(error: unknown): void
}

/** One write carries at most so many items, unless a single call brings more. */
const ITEMS_PER_WRITE = 500

export interface GroupCommit<T, R> {
  /** Resolves with the results of the items, in their order. Fails alone when they are at fault, with all others otherwise. */
  append(items: readonly T[]): Promise<readonly R[]>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

/**
 * @param write writes all of it, and answers a result for each item in order; or none for any, where nobody asks
 * @param isOwnFault whether an error is the items' own fault, so that the others deserve a second try
 */
export function createGroupCommit<T, R = never>(
  write: (items: readonly T[]) => Promise<readonly R[]>,
  isOwnFault: (error: unknown) => boolean,
): GroupCommit<T, R> {
  const waiting: Waiting<T, R>[] = []
  let running: Promise<void> | null = null

  async function writeTogether(calls: readonly Waiting<T, R>[]): Promise<void> {
    let results: readonly R[]
    try {
      const items = calls.flatMap((call) => call.items)
      results = await write(items)
      if (results.length !== 0 && results.length !== items.length) {
        throw new Error(`a write of ${items.length} items answered ${results.length} results`)
      }
    } catch (error) {
      if (calls.length === 1 || !isOwnFault(error)) for (const call of calls) call.reject(error)
      else for (const call of calls) await writeTogether([call])
      return
    }
    let next = 0
    for (const call of calls) {
      call.resolve(results.slice(next, next + call.items.length))
      next += call.items.length
    }
  }

  function next(): Waiting<T, R>[] {
    let items = 0
    let calls = 0
    while (calls < waiting.length && (calls === 0 || items < ITEMS_PER_WRITE)) {
      items += waiting[calls++]!.items.length
    }
    return waiting.splice(0, calls)
  }

  async function run(): Promise<void> {
    // Callers of the same turn of the event loop go together from the start.
    await Promise.resolve()
    while (waiting.length > 0) await writeTogether(next())
    running = null
  }

  return {
    append(items) {
      if (items.length === 0) return Promise.resolve([])
      return new Promise((resolve, reject) => {
        waiting.push({ items, resolve, reject })
        running ??= run()
      })
    },
    idle: async () => {
      await running
    },
  }
}
