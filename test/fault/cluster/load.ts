/**
 * A steady, bounded load of writes with the client's own log of what was acknowledged. Every write can be repeated without
 * a second effect (keys, and what is idempotent by itself), and is repeated until it is acknowledged: so the log says exactly
 * what must be there afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Answer, Person } from '../../e2e/person.ts'
import { until } from '../../e2e/until.ts'
import { againMs, turns } from './insistence.ts'
import { emptyLog, type WriteLog } from './log.ts'
import { type Insist, type IsDone, type LoadOptions, writersOf } from './writers.ts'

export interface Load {
  readonly log: WriteLog
  /** How often each status was answered; 0: no answer. */
  readonly answers: ReadonlyMap<string, number>
  /** Begins nothing more, and waits until everything begun is acknowledged. @throws Error naming what is not */
  stop(): Promise<void>
}

type Kind = keyof ReturnType<typeof writersOf>

/** Milliseconds from one begun write of a kind to the next. */
const EVERY_MS: Readonly<Record<Kind, number>> = {
  post: 350,
  picture: 1_000,
  deletion: 1_200,
  like: 125,
  unlike: 500,
  comment: 350,
  edit: 1_000,
  uncomment: 1_200,
  share: 700,
  follow: 500,
  unfollow: 700,
}
/** After a refusal by a machine that was too busy to judge by. */
export const BUSY = ' busy'
/** At most so many at once of a kind: what is away makes them wait, not pile up. */
const AT_ONCE = 8
const ACKNOWLEDGED_MS = 60_000

export function startLoad(options: LoadOptions): Load {
  const log = emptyLog()
  const answers = new Map<string, number>()
  const open = new Set<string>()
  let isEnding = false
  let isOver = false

  const inTurn = turns<Person>()
  const insist: Insist = (person, what, ask, isDone = () => false) => {
    open.add(what)
    return inTurn(person, () => repeat(what, ask, isDone))
  }
  const repeat = async <T>(what: string, ask: () => Promise<Answer<T>>, isDone: IsDone) => {
    for (let tries = 1; ; tries++) {
      const answer = await ask().catch(() => null)
      const status = answer?.status ?? 0
      const done = status >= 200 && (status < 300 || isDone(status, tries))
      const busy = !done && options.isBusy() ? BUSY : ''
      const label = `${what.split(' ')[0]} ${done && status >= 300 ? 204 : status}${busy}`
      answers.set(label, (answers.get(label) ?? 0) + 1)
      if (answer !== null && done) {
        open.delete(what)
        return answer
      }
      if (isOver) throw new Error(`${what} was never acknowledged`)
      await pause(againMs(tries, answer, options.random()))
    }
  }

  const writers = writersOf(options, log, insist)
  const atOnce = new Map<string, number>()
  const timers = (Object.keys(EVERY_MS) as Kind[]).map((kind) =>
    setInterval(() => {
      const busy = atOnce.get(kind) ?? 0
      if (isEnding || busy >= AT_ONCE) return
      atOnce.set(kind, busy + 1)
      const isDone = () => atOnce.set(kind, (atOnce.get(kind) ?? 1) - 1)
      // One that fails is named by stop().
      writers[kind]().then(isDone, isDone)
    }, EVERY_MS[kind]),
  )
  return {
    log,
    answers,
    async stop() {
      isEnding = true
      for (const timer of timers) clearInterval(timer)
      await until('every write is acknowledged', async () => open.size === 0 && isIdle(atOnce), {
        withinMs: ACKNOWLEDGED_MS,
        explain: () => ({ open: [...open].slice(0, 5), answers: Object.fromEntries(answers) }),
      }).finally(() => {
        isOver = true
      })
    },
  }
}

/** A picture is two writes, one after the other. */
const isIdle = (atOnce: ReadonlyMap<string, number>) => [...atOnce.values()].every((busy) => busy === 0)
