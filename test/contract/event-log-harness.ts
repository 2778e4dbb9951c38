/** Runs a suite over every engine of the event log, with what its cases share. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import type { Consumer, HandlerContext, OperableEventLog } from '../../origin/event-log.ts'
import type { LogEngine, OpenSettings } from './event-log-engine.ts'
import { logEngines } from './event-log-engines.ts'

export type Liked = TidelineEvent<'post.liked'>
export type Seen = { event: Liked; context: HandlerContext }

export function liked(key: string, at: number): Liked {
  const data = { postId: '1', userId: '2', authorId: '3', state: 'liked' as const, at, version: at }
  return makeEvent({ type: 'post.liked', key, actor: null, data }, Date.now, Math.random)
}

export const range = (n: number) => Array.from({ length: n }, (_, i) => i)
export const ids = (seen: readonly Seen[]) => seen.map(({ event }) => event.id)
/** Patient enough for a broker to take a silent member for dead. */
export const until = (read: () => unknown, timeout = 25_000) => expect.poll(read, { timeout, interval: 10 })

export interface LogBench {
  engine(): LogEngine
  /** The log as one more process sees it; closed after the test. */
  open(settings?: OpenSettings): OperableEventLog
  /** Another process that will die; closed after the test as far as it can be. */
  openAndForget(): { log: OperableEventLog; die(): void }
  /** A member of a group that notes what it is given once `handle` has resolved. Three tries an event. */
  follow(
    log: OperableEventLog,
    group: string,
    handle?: (seen: Seen) => Promise<void>,
  ): { seen: Seen[]; consumer: Consumer }
}

const CANDIDATES = await logEngines()

export function onEveryLog(title: string, suite: (bench: LogBench) => void): void {
  describe.each(CANDIDATES)(`${title} on $name`, ({ start, absent }) => {
    if (start === null) {
      test.skip(absent, () => {})
      return
    }
    let engine: LogEngine
    const opened: OperableEventLog[] = []
    const note = <T extends OperableEventLog>(log: T): T => {
      opened.push(log)
      return log
    }
    beforeAll(async () => {
      engine = await start()
    })
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()))
      await engine.clear()
    })
    afterAll(() => engine.stop())

    suite({
      engine: () => engine,
      open: (settings) => note(engine.open(settings)),
      openAndForget() {
        const { log, die } = engine.openAndForget()
        return { log, die }
      },
      follow(log, group, handle = async () => {}) {
        const seen: Seen[] = []
        const consumer = log.subscribe({
          group,
          topics: ['post.liked'],
          maxAttempts: 3,
          async handle(event, context) {
            const one = { event, context }
            await handle(one)
            seen.push(one)
          },
        })
        return { seen, consumer }
      },
    })
  })
}
