import type { Logger } from './observe/logger.ts'

/**
 * Runs work again and again, each round after the former has ended, until stopped. A round that fails is logged and the
 * next one comes all the same.
 * @param everyMs pause between rounds
 * @returns stops, and resolves when no round is under way
 */
export function repeatedly(
  name: string,
  everyMs: number,
  logger: Logger,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let round: Promise<void> = Promise.resolve()
  const plan = () => {
    if (stopped) return
    timer = setTimeout(() => {
      round = work().then(
        () => {},
        (error: unknown) => logger.warn({ err: error, work: name }, 'a repeated task failed'),
      )
      void round.then(plan)
    }, everyMs)
  }
  plan()
  return async () => {
    stopped = true
    clearTimeout(timer)
    await round
  }
}
