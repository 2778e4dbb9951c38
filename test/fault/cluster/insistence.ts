/**
 * How a good client insists on a write: one after the other of the same person, again after a refusal, and ever later. So an
 * outage may last as long as it likes and nobody comes near the 300 writes a minute that the api Worker allows a person: from
 * the fourth try on a second passes at least, and a try is two requests at most (an upload's announcement and its end).
 */
import type { Answer, Fetch } from '../../e2e/person.ts'

const FIRST_MS = 250
const LONGEST_MS = 2_000

/**
 * Milliseconds until a write is tried again.
 * @param tries how often it was refused
 * @param answer the last refusal, whose Retry-After counts as far as a test can wait; null: none came
 * @param random 0 to 1: no two come back together
 */
export function againMs(tries: number, answer: Pick<Answer<unknown>, 'headers'> | null, random: number): number {
  const doubled = Math.min(LONGEST_MS, FIRST_MS * 2 ** (tries - 1))
  const asked = Number(answer?.headers.get('retry-after') ?? 0) * 1_000
  return Math.max(doubled * (0.5 + random / 2), Math.min(LONGEST_MS, asked || 0))
}

/** Times that a read is asked again. */
const READS_AGAIN = 5

/**
 * The same, of reads: whoever is told that there is too much at once asks again, some times. Every other answer stands.
 * @param pause for so many milliseconds
 */
export function insisting(fetch: Fetch, pause: (ms: number) => Promise<unknown>): Fetch {
  return async (path, init) => {
    let answer = await fetch(path, init)
    for (let tries = 1; tries <= READS_AGAIN && (await isTooMuch(answer)); tries++) {
      await pause(againMs(tries, answer, Math.random()))
      answer = await fetch(path, init)
    }
    return answer
  }
}

async function isTooMuch(answer: Response): Promise<boolean> {
  if (answer.status !== 503) return false
  // What stands between may answer with something else than JSON.
  const text = await answer.clone().text()
  return text.includes('"code":"overloaded"')
}

/** Each person's work after what was begun for the same person before. */
export function turns<P>() {
  const last = new Map<P, Promise<unknown>>()
  return <T>(person: P, work: () => Promise<T>): Promise<T> => {
    const mine = (last.get(person) ?? Promise.resolve()).then(work, work)
    last.set(person, mine)
    return mine
  }
}
