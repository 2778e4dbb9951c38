/** A promise that settles in time, whatever becomes of the work: clients have been seen to wait for ever. */
export class TooSlow extends Error {
  override name = 'TooSlow'
}

/** @throws TooSlow after `ms` milliseconds; the work goes on, and how it ends is nobody's business any more */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooSlow(`${what} took longer than ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
