/**
 * The workload, written down before it is sent: who asks for what, and when. DeathStarBench's mix for its social network
 * (Gan et al. 2019): 60 % home timeline, 30 % somebody's posts, 10 % a new post. Pure, from a fixed seed.
 */
import { seededRandom } from '../random.ts'
import { byPopularity, PEOPLE, PICTURES } from './population.ts'
import { zipf } from './zipf.ts'

export const KINDS = ['home', 'user', 'compose'] as const
export type Kind = (typeof KINDS)[number]
export const MIX: Readonly<Record<Kind, number>> = Object.freeze({ home: 0.6, user: 0.3, compose: 0.1 })

/** How unequally often people come. */
const ACTIVITY = 0.8
/** Of all people, so many come back after more than a day before each step: their timelines are gone. */
export const RETURNING = 0.15

export interface Arrival {
  /** Milliseconds after the step began. */
  atMs: number
  kind: Kind
  /** Who asks: a place in the population. */
  person: number
  /** Whose posts are asked for. */
  target: number
}

/** Who comes how often has nothing to do with who is followed. */
function readersByActivity(): Int32Array {
  const random = seededRandom(31)
  const places = Int32Array.from({ length: PEOPLE }, (_, i) => i)
  for (let i = PEOPLE - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    const moved = places[i] ?? 0
    places[i] = places[other] ?? 0
    places[other] = moved
  }
  return places
}

/**
 * The arrivals of one step: a Poisson process of the given rate.
 * @param step its number: the same one always has the same arrivals
 */
export function schedule(step: number, perSecond: number, seconds: number): Arrival[] {
  const random = seededRandom(1_000 + step)
  const readers = readersByActivity()
  const active = zipf(PEOPLE, ACTIVITY, random)
  const popular = byPopularity(random)
  const arrivals: Arrival[] = []
  for (let atMs = gapMs(perSecond, random); atMs < seconds * 1_000; atMs += gapMs(perSecond, random)) {
    arrivals.push({ atMs, kind: kindOf(random()), person: readers[active()] ?? 0, target: popular() })
  }
  return arrivals
}

const gapMs = (perSecond: number, random: () => number) => (-Math.log(1 - random()) / perSecond) * 1_000

function kindOf(uniform: number): Kind {
  if (uniform < MIX.home) return 'home'
  return uniform < MIX.home + MIX.user ? 'user' : 'compose'
}

/** Who has been away for more than a day whenever a step begins, as places in the population. */
export function returning(): number[] {
  const random = seededRandom(32)
  return Array.from({ length: PEOPLE }, (_, i) => i).filter(() => random() < RETURNING)
}

/** Of all pictures, so many are new whenever a step begins: nobody has asked for them yet, in any size. */
export const NEW_PICTURES = 0.02

export function newPictures(): number[] {
  const random = seededRandom(33)
  return Array.from({ length: PICTURES }, (_, i) => i).filter(() => random() < NEW_PICTURES)
}

/** Before the run people came for an hour, as long as a post lives in Redis, at this rate. */
const HOUR_BEFORE = { seconds: 3_600, perSecond: 100 }

/** Whose feeds were read in that hour. */
export function readersOfTheHourBefore(): Set<number> {
  const random = seededRandom(34)
  const readers = readersByActivity()
  const active = zipf(PEOPLE, ACTIVITY, random)
  const reads = HOUR_BEFORE.seconds * HOUR_BEFORE.perSecond * MIX.home
  return new Set(Array.from({ length: reads }, () => readers[active()] ?? 0))
}

/** What a browser says of itself when it asks for a picture. */
export const IMAGES_ACCEPTED = 'image/avif,image/webp,*/*'

/** The sizes that pages show. */
export const PRESETS_SHOWN = ['thumb', 'small', 'medium', 'large'] as const

/** What is seen of a page without scrolling. */
const FIRST_SCREEN = { home: 4, user: 6 }

/**
 * Pictures that a page's first screen shows: of the feed the photos in the size of the device and their authors' portraits,
 * of somebody's posts a grid of small ones with one portrait. Four presets in all.
 * @param body the beginning of the page's JSON
 */
export function picturesOf(kind: Kind, body: string, person: number): string[] {
  if (kind === 'compose') return []
  const size = kind === 'user' ? 'small' : person % 10 < 7 ? 'medium' : 'large'
  const photos = addresses(body, new RegExp(`"${size}":"(/img/[^"]+)"`, 'g'), FIRST_SCREEN[kind])
  const portraits = addresses(body, /"avatar":"(\/img\/[^"]+)"/g, kind === 'user' ? 1 : FIRST_SCREEN.home)
  return [...new Set([...photos, ...portraits])]
}

function addresses(body: string, pattern: RegExp, most: number): string[] {
  const found: string[] = []
  for (const match of body.matchAll(pattern)) {
    if (found.length === most) break
    if (match[1] !== undefined) found.push(match[1])
  }
  return found
}
