/** A bound on how many handlers of one consumer work at once; first come, first served. */
export interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>
}

export function createSlots(limit: number): Slots {
  let free = limit
  const queue: (() => void)[] = []
  return {
    async run(work) {
      if (free > 0) free--
      else await new Promise<void>((resolve) => queue.push(resolve))
      try {
        return await work()
      } finally {
        const next = queue.shift()
        if (next) next()
        else free++
      }
    },
  }
}
