/** The demo's people: invented names, interests, and how popular and how talkative each is. */
import { createIdFactory, type Id, type Random } from '#core/ids.ts'
import { between, logNormal, pick, shuffled } from './random.ts'
import { TOPICS, type Topic } from './topics.ts'

export interface DemoPerson {
  userId: Id
  username: string
  displayName: string
  email: string
  bio: string
  isPrivate: boolean
  createdMs: number
  topics: Topic[]
  /** How readily others follow this person: a few attract many. */
  fitness: number
  /** How often this person posts, relative to others. */
  activity: number
}

const DAY_MS = 86_400_000

/** The first person joined exactly this long before the seeding: so an interrupted one finds its instant again. */
export const ANCHOR_AGE_MS = 300 * DAY_MS

/** One in so many accounts is private. */
const PRIVATE_EVERY = 60

const FIRST =
  `Mira Jonas Aiko Tomás Leila Henrik Zuri Mateo Ines Kofi Priya Luca Sanna Omar Yuki Clara Diego Amara Felix Noor
Elena Tariq Greta Paulo Hana Ewan Lucía Milan Ayana Bruno Sofia Ravi Maren Ibrahim Olive Dario Linh Anton Rosa Emeka Vera
Nikos Salma Theo Wren Andrés Freya Jamal Marta Kenji Alba Simon Tara Rafael Nadia Oskar Bea Malik Carmen Teo`.split(
    /\s+/,
  )

const LAST =
  `Lindqvist Okafor Tanaka Ferreira Haddad Novak Moreau Castillo Berg Mensah Iyer Rossi Halonen Farouk Sato Weiss
Romero Diallo Brandt Aziz Petrova Rahman Vogel Costa Kim Fraser Ortega Horvat Tadesse Silva Nguyen Keller Marchetti Eze
Dahl Papadakis Nasser Holm Archer Vargas Jensen Carter Kowalska Mori Serra Laurent Quinn Duarte Haas Abbott Lehmann Oyelaran
Ivanova Santos Bauer Suzuki Marin Walsh Popescu Kaya`.split(/\s+/)

/** The same people for the same seed, whatever the instant; their ids begin at `nowMs`. */
export function inventPeople(random: Random, count: number, nowMs: number): DemoPerson[] {
  const taken = new Set<string>()
  const people = Array.from({ length: count }, (_, i) => {
    const name = freshName(random, taken)
    const topics = shuffled(random, TOPICS).slice(0, 2 + Math.floor(random() * 2))
    const ageMs = i === 0 ? ANCHOR_AGE_MS : Math.floor(between(random, 30 * DAY_MS, ANCHOR_AGE_MS))
    const createdMs = nowMs - ageMs
    const { randomShard, next } = createIdFactory(() => createdMs, random)
    return {
      ...name,
      userId: next(randomShard()),
      email: `${name.username}@people.example`,
      bio: pick(random, topics[0]?.bios ?? ['']),
      isPrivate: i % PRIVATE_EVERY === PRIVATE_EVERY - 1,
      createdMs,
      topics,
      fitness: logNormal(random, 0.9),
      activity: logNormal(random, 0.8),
    }
  })
  return people
}

/** Redraws until nobody has the name: 60 × 60 names are far more than people. */
function freshName(random: Random, taken: Set<string>): { username: string; displayName: string } {
  for (;;) {
    const [first, last] = [pick(random, FIRST), pick(random, LAST)]
    const username = `${first}.${last}`.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
    if (taken.has(username)) continue
    taken.add(username)
    return { username, displayName: `${first} ${last}` }
  }
}
