/**
 * What arrives while a write is under way goes together in the next one: under load an engine pays one round trip and one
 * commit for many callers, and an idle one makes nobody wait.
 */
interface Waiting<T, R> {
  items: readonly T[]
  resolve(results: readonly R[]): void
  reject(error: unknown): void
}

const ITEMS_PER_WRITE = 500

/** What has room in one write: asked of each call's items in their order, whether they go along. The first go in any case. */
export type Room<T> = () => (items: readonly T[]) => boolean

/** At most so many items, unless a single call brings more. */
const byCount = (): ((items: readonly unknown[]) => boolean) => {
  let before = 0
  return ({ length }) => {
    const fits = before < ITEMS_PER_WRITE
    before += length
    return fits
  }
}

export interface GroupCommitOptions<T> {
  /** Begun anew for each write. */
  room?: Room<T>
  /** Whether those who wait are told of a failure, too, where each further write would wait as long for the same answer. */
  failsWaiting?: boolean
}

export interface GroupCommit<T, R> {
  /** Resolves with the results of the items, in their order. Fails alone when they are at fault, with all others otherwise. */
  append(items: readonly T[]): Promise<readonly R[]>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

type Write<T, R> = (items: readonly T[]) => Promise<readonly R[]>

/**
 * @param write writes all of it, and answers a result for each item in order; or none for any, where nobody asks
 * @param isOwnFault whether an error is the items' own fault, so that the others deserve a second try
 */
export function createGroupCommit<T, R = never>(
  write: Write<T, R>,
  isOwnFault: (error: unknown) => boolean,
  { room = byCount, failsWaiting = false }: GroupCommitOptions<T> = {},
): GroupCommit<T, R> {
  const waiting: Waiting<T, R>[] = []
  let running: Promise<void> | null = null

  function next(): Waiting<T, R>[] {
    const fits = room()
    let calls = 0
    while (calls < waiting.length && (fits(waiting[calls]!.items) || calls === 0)) calls++
    return waiting.splice(0, calls)
  }

  async function run(): Promise<void> {
    // Callers of the same turn of the event loop go together from the start.
    await Promise.resolve()
    while (waiting.length > 0) {
      const failure = await writeTogether(write, isOwnFault, next())
      if (failure !== null && failsWaiting) for (const call of waiting.splice(0)) call.reject(failure.error)
    }
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

/** @returns what all of them failed of; null when they were written, or failed of their own */
async function writeTogether<T, R>(
  write: Write<T, R>,
  isOwnFault: (error: unknown) => boolean,
  calls: readonly Waiting<T, R>[],
): Promise<{ error: unknown } | null> {
  let results: readonly R[]
  try {
    const items = calls.flatMap((call) => call.items)
    results = await write(items)
    if (results.length !== 0 && results.length !== items.length) {
      throw new Error(`a write of ${items.length} items answered ${results.length} results`)
    }
  } catch (error) {
    if (isOwnFault(error) && calls.length > 1) {
      for (const call of calls) await writeTogether(write, isOwnFault, [call])
      return null
    }
    for (const call of calls) call.reject(error)
    return isOwnFault(error) ? null : { error }
  }
  let next = 0
  for (const call of calls) {
    call.resolve(results.slice(next, next + call.items.length))
    next += call.items.length
  }
  return null
}
