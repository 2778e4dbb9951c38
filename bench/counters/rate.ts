/** How many things of a list are done a second, so many at once. */
export async function perSecond<T>(
  all: readonly T[],
  parallel: number,
  work: (one: T) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now()
  const rest = all[Symbol.iterator]()
  const worker = async () => {
    for (const one of rest) await work(one)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return (all.length / (performance.now() - startedAt)) * 1_000
}
