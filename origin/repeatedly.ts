import type { Logger } from './observe/logger.ts'
import { isTold } from './observe/sparingly.ts'

/** Work that comes in steps, one at a time: as many as find something to do, then a pause. */
export interface Loop {
  /** Steps now, or once more after the step under way. */
  wake(): void
  /** Resolves when no step is under way; none comes after it. */
  stop(): Promise<void>
}

/**
 * Makes a loop that begins when it is woken first. A step that fails counts as one that found nothing; of an outage the log has
 * the first failure, the tenth, the hundredth and so on, and its end.
 * @param pauseMs after a step that found nothing
 * @param step answers whether there may be more to do
 */
export function wakeable(name: string, pauseMs: number, logger: Logger, step: () => Promise<boolean>): Loop {
  let running: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let isWoken = false
  /** In a row. */
  let failures = 0

  const succeeded = () => {
    if (failures > 0) logger.info({ work: name, failures }, 'a repeated task works again')
    failures = 0
  }
  const failed = (error: unknown) => {
    failures++
    if (isTold(failures)) {
      logger.warn({ err: error, work: name, failures }, 'a repeated task failed')
    }
  }

  const run = async () => {
    let found = true
    while ((found || isWoken) && !isStopped) {
      isWoken = false
      found = await step().then(
        (more) => {
          succeeded()
          return more
        },
        (error: unknown) => {
          failed(error)
          return false
        },
      )
    }
  }
  const wake = () => {
    isWoken = true
    if (running !== null || isStopped) return
    clearTimeout(timer)
    running = run().finally(() => {
      running = null
      if (!isStopped) timer = setTimeout(wake, pauseMs)
    })
  }
  return {
    wake,
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}

/**
 * Runs work again and again, each round after the former has ended, until stopped. A round that fails is logged and the
 * next one comes all the same.
 * @param everyMs pause before the first round and between rounds
 * @returns stops, and resolves when no round is under way
 */
export function repeatedly(
  name: string,
  everyMs: number,
  logger: Logger,
  work: () => Promise<unknown>,
): () => Promise<void> {
  const loop = wakeable(name, everyMs, logger, async () => {
    await work()
    return false
  })
  const first = setTimeout(loop.wake, everyMs)
  return async () => {
    clearTimeout(first)
    await loop.stop()
  }
}
