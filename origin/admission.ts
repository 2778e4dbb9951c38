/**
 * How many pieces of work go on at once, and how many wait for that: a short queue in the order of their urgency (RFC 9218:
 * 0 first, 7 last). Work that comes when its share of the queue is taken (core/load.ts) is refused at once, so that whoever
 * asks can do something else.
 */
import { shareOf, URGENCY } from '#core/load.ts'

export interface AdmissionLimits {
  atOnce: number
  /** Most that wait. */
  waiting: number
  /** Milliseconds after which what still waits is refused. */
  waitMs: number
}

/** There was no room, or none in time. Nothing has begun. */
export class NoRoomError extends Error {
  override name = 'NoRoomError'
}

export interface Admission {
  /**
   * Resolves when work may begin, with what ends it.
   * @param signal aborts when nobody waits for it any more: then it gives its place in the queue to somebody else
   * @throws NoRoomError
   */
  enter(urgency: number, signal?: AbortSignal): Promise<() => void>
  readonly waiting: number
}

interface Waiting {
  begin(): void
}

export function createAdmission({ atOnce, waiting: most, waitMs }: AdmissionLimits): Admission {
  const queues: Set<Waiting>[] = Array.from({ length: 8 }, () => new Set())
  let running = 0
  let waiting = 0

  function leave(): void {
    running--
    for (const queue of queues) {
      const [next] = queue
      if (next === undefined) continue
      queue.delete(next)
      next.begin()
      return
    }
  }

  /** Ends once, however often it is called. */
  function begun(): () => void {
    running++
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      leave()
    }
  }

  return {
    get waiting() {
      return waiting
    },
    async enter(urgency, signal) {
      if (running < atOnce) return begun()
      if (waiting >= most * shareOf(urgency)) throw new NoRoomError('too much is waiting already')
      return new Promise((resolve, reject) => {
        const queue = queues[urgency] as Set<Waiting>
        const over = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', left)
          waiting--
        }
        const entry: Waiting = {
          begin() {
            over()
            resolve(begun())
          },
        }
        const giveUp = (why: string) => {
          queue.delete(entry)
          over()
          reject(new NoRoomError(why))
        }
        const left = () => giveUp('nobody waits for it any more')
        const timer = setTimeout(() => giveUp(`it waited for ${waitMs} ms`), waitMs)
        signal?.addEventListener('abort', left)
        queue.add(entry)
        waiting++
      })
    },
  }
}

/** The urgency that a `Priority` header asks for; 3 where it says nothing (RFC 9218, section 4.1). */
export function urgencyOf(header: string | readonly string[] | undefined): number {
  const told = typeof header === 'string' ? /(?:^|,)\s*u=([0-7])(?=$|[\s,;])/.exec(header)?.[1] : undefined
  return told === undefined ? URGENCY.interactive : Number(told)
}
