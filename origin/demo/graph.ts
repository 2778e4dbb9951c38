/**
 * Who follows whom: a graph that grows one follow at a time, by preferential attachment with fitness (Bianconi and
 * Barabási, 2001), drawn towards shared interests, sometimes returned. That gives the heavy tail of real ones.
 */
import type { Random } from '#core/ids.ts'
import type { DemoPerson } from './people.ts'
import { between, logNormal, weightedIndex } from './random.ts'

export interface DemoFollow {
  follower: DemoPerson
  followee: DemoPerson
  /** Asked of a private account, and not answered yet. */
  requested: boolean
  createdMs: number
}

const HOUR_MS = 3_600_000
/** Follows a person makes: the median, and how far people differ. */
const MEDIAN_FOLLOWS = 17
const FOLLOWS_SPREAD = 0.5
/** Somebody who shares an interest is followed this many times as readily. */
const SHARED_INTEREST = 3
/** How likely a follow is returned by somebody whom few follow; it halves at this many followers. */
const RETURNED = 0.35
const RETURNED_HALVES_AT = 25
/** Of those who ask to follow a private account, how many wait. */
const WAITING = 0.3
/** The people at the top of the sign-in picker all follow each other: whatever one posts, the others see. */
const CIRCLE = 4
/** They follow at least so many: their feeds are the first that anybody sees. */
const CIRCLE_FOLLOWS = 45

export function growGraph(random: Random, people: readonly DemoPerson[], nowMs: number): DemoFollow[] {
  const follows: DemoFollow[] = []
  const followed = people.map(() => new Set<number>())
  const followerCounts = people.map(() => 0)
  const add = (from: number, to: number) => {
    const [follower, followee] = [people[from], people[to]]
    if (follower === undefined || followee === undefined || from === to || followed[from]?.has(to)) return false
    followed[from]?.add(to)
    const requested = followee.isPrivate && random() < WAITING
    if (!requested) followerCounts[to] = (followerCounts[to] ?? 0) + 1
    const since = Math.max(follower.createdMs, followee.createdMs)
    const createdMs = Math.floor(between(random, since, Math.max(since, nowMs - HOUR_MS)))
    follows.push({ follower, followee, requested, createdMs })
    return true
  }
  for (let from = 0; from < CIRCLE; from++) for (let to = 0; to < CIRCLE; to++) add(from, to)
  const quotas = people.map((_, i) =>
    Math.max(i < CIRCLE ? CIRCLE_FOLLOWS : 0, Math.round(MEDIAN_FOLLOWS * logNormal(random, FOLLOWS_SPREAD))),
  )
  const rounds = Math.min(Math.max(...quotas), people.length - 1)
  for (let round = 0; round < rounds; round++) {
    for (const [from, person] of people.entries()) {
      if (round >= (quotas[from] ?? 0)) continue
      const weights = people.map((other, to) =>
        to === from || followed[from]?.has(to)
          ? 0
          : other.fitness * (1 + (followerCounts[to] ?? 0)) * (sharesInterest(person, other) ? SHARED_INTEREST : 1),
      )
      const to = weightedIndex(random, weights)
      if (to >= 0 && add(from, to) && random() < RETURNED / (1 + (followerCounts[to] ?? 0) / RETURNED_HALVES_AT))
        add(to, from)
    }
  }
  return follows
}

const sharesInterest = (a: DemoPerson, b: DemoPerson): boolean => a.topics.some((topic) => b.topics.includes(topic))
