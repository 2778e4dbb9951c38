/** Who taps what, in which order: likes of one post, some of them repeated, some taken back. */
import type { Id } from '#core/ids.ts'

export interface Tap {
  userId: Id
  kind: 'like' | 'unlike'
  /** Repetitions of one tap share it, as retries share the instant that the edge stamped. */
  tap: number
}

export interface Plan {
  taps: readonly Tap[]
  /** Likes that stand in the end. */
  expected: number
}

const REPEATED = 0.05
const TAKEN_BACK = 0.05
/** A repetition or a removal comes within so many taps. */
const WITHIN = 2_000

/** One like a person; one in twenty comes twice, one in twenty is taken back. */
export function planTaps(people: readonly Id[], random: () => number): Plan {
  const repeated = Math.round(people.length * REPEATED)
  const takenBack = Math.round(people.length * TAKEN_BACK)
  const placed: { at: number; tap: Tap }[] = people.map((userId, i) => ({
    at: i,
    tap: { userId, kind: 'like', tap: i },
  }))
  const later = (i: number) => i + random() * WITHIN
  for (const i of sample(people.length, repeated, random)) {
    placed.push({ at: later(i), tap: { userId: people[i] ?? '', kind: 'like', tap: i } })
  }
  for (const i of sample(people.length, takenBack, random)) {
    placed.push({ at: later(i), tap: { userId: people[i] ?? '', kind: 'unlike', tap: people.length + i } })
  }
  placed.sort((a, b) => a.at - b.at)
  return { taps: placed.map(({ tap }) => tap), expected: people.length - takenBack }
}

function sample(size: number, wanted: number, random: () => number): Set<number> {
  const chosen = new Set<number>()
  while (chosen.size < Math.min(wanted, size)) chosen.add(Math.floor(random() * size))
  return chosen
}
