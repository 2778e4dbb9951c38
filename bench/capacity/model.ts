/**
 * What a threshold costs: posts of authors below it are pushed into each follower's timeline, posts of the others are pulled
 * by each reader who follows them. Zero is pull only, infinity push only.
 */
import { type Audience, follows } from './population.ts'

export interface Workload {
  people: number
  postsPerDay: number
  loadsPerDay: number
  /** Share of people whose timeline lives: they have been here within a day. Others are not written to. */
  liveShare: number
  /** An author's posts grow with the audience to this power: 0 were as many from everybody. */
  postingExponent: number
  /** The busiest minute of a day, by its mean. */
  peakFactor: number
  /** What a core is planned to be busy. */
  utilisation: number
}

export const BILLION_LOADS: Workload = {
  people: 100_000_000,
  postsPerDay: 10_000_000,
  loadsPerDay: 1_000_000_000,
  liveShare: 0.4,
  postingExponent: 0.3,
  peakFactor: 2.5,
  utilisation: 0.6,
}

/** CPU in microseconds over all processes that take part, memory in bytes; measured (costs.ts). */
export interface Costs {
  /** One follower with a live timeline: looked for, written. */
  pushUs: number
  /** One follower without: looked for. */
  missUs: number
  /** A page whose reader follows no celebrity: timeline, rules, ranking, joining. */
  loadUs: number
  /** What each followed celebrity adds to a page whose isolate holds the list. */
  mergeUs: number
  /** What a list adds that the isolate must read from Redis first. */
  listReadUs: number
  /** Lists that an isolate holds. */
  listsHeld: number
  timelineEntryBytes: number
  /** A timeline with nothing in it. */
  timelineBytes: number
  authorEntryBytes: number
  /** The longest that timelines and authors' lists are kept. */
  timelineLength: number
  authorLength: number
}

export interface Plan {
  /** Followers from which on an author is pulled. */
  threshold: number
  /** Timelines written in a day. */
  writesPerDay: number
  /** Authors' lists merged in a day, and those of them that Redis is asked for. */
  listsMergedPerDay: number
  listReadsPerDay: number
  /** Celebrities that a reader follows, on average. */
  pulledPerLoad: number
  redisBytes: number
  writeCpuSeconds: number
  readCpuSeconds: number
  /** Cores at the busiest minute. */
  cores: number
  /** From the post of the most followed author who is pushed to the last timeline, page after page. */
  lastTimelineSeconds: number
}

/**
 * Costs at one threshold, a day each.
 * @param audiences most followed first
 */
export function planAt(threshold: number, audiences: readonly Audience[], work: Workload, costs: Costs): Plan {
  const pulled = audiences.filter(({ followers }) => followers >= threshold)
  const pushed = audiences.filter(({ followers }) => followers < threshold)
  const posts = postsOf(audiences, work)
  const pushes = pushed.reduce((sum, audience) => sum + posts(audience) * audience.followers, 0)
  const writesPerDay = pushes * work.liveShare
  const pulledPerLoad = follows(pulled) / work.people
  const listsMergedPerDay = pulledPerLoad * work.loadsPerDay
  const listReadsPerDay = listsMergedPerDay * (1 - heldShare(pulled, costs.listsHeld))
  const writeCpuSeconds = (writesPerDay * costs.pushUs + (pushes - writesPerDay) * costs.missUs) / 1e6
  const mostFollowed = pushed[0]?.followers ?? 0
  const readUs =
    work.loadsPerDay * costs.loadUs + listsMergedPerDay * costs.mergeUs + listReadsPerDay * costs.listReadUs
  return {
    threshold,
    writesPerDay,
    listsMergedPerDay,
    listReadsPerDay,
    pulledPerLoad,
    redisBytes: timelineBytes(pushes, work, costs) + authorListBytes(pulled, costs),
    writeCpuSeconds,
    readCpuSeconds: readUs / 1e6,
    cores: coresFor(writeCpuSeconds + readUs / 1e6, work),
    lastTimelineSeconds: (mostFollowed * (work.liveShare * costs.pushUs + (1 - work.liveShare) * costs.missUs)) / 1e6,
  }
}

/** Posts a day of all the people of a class. */
function postsOf(audiences: readonly Audience[], { postingExponent, postsPerDay }: Workload) {
  const activity = ({ people, followers }: Audience) => people * (1 + followers) ** postingExponent
  const all = audiences.reduce((sum, audience) => sum + activity(audience), 0)
  return (audience: Audience): number => (activity(audience) / all) * postsPerDay
}

/** Which share of lists asked for an isolate has that holds those of the most followed. */
function heldShare(pulled: readonly Audience[], listsHeld: number): number {
  let left = listsHeld
  let held = 0
  for (const { people, followers } of pulled) {
    const taken = Math.min(left, people)
    held += taken * followers
    left -= taken
  }
  return pulled.length === 0 ? 1 : held / follows(pulled)
}

/** Those of live readers, filled as far as what is pushed in a month fills them. */
function timelineBytes(pushesPerDay: number, work: Workload, costs: Costs): number {
  const pushedInMonth = (30 * pushesPerDay) / work.people
  const entries = Math.min(costs.timelineLength, pushedInMonth)
  return work.people * work.liveShare * (costs.timelineBytes + entries * costs.timelineEntryBytes)
}

const authorListBytes = (pulled: readonly Audience[], { authorLength, authorEntryBytes }: Costs): number =>
  pulled.reduce((sum, { people }) => sum + people, 0) * authorLength * authorEntryBytes

export const coresFor = (cpuSecondsPerDay: number, { peakFactor, utilisation }: Workload): number =>
  ((cpuSecondsPerDay / 86_400) * peakFactor) / utilisation

/** Of several plans that with the fewest cores; with a limit, of those that finish every push within it. */
export function cheapest(plans: readonly Plan[], withinSeconds = Number.POSITIVE_INFINITY): Plan | null {
  const allowed = plans.filter(({ lastTimelineSeconds }) => lastTimelineSeconds <= withinSeconds)
  return allowed.reduce<Plan | null>((best, plan) => (best === null || plan.cores < best.cores ? plan : best), null)
}

/** Thresholds from 100 to 10 million, four to each factor of ten. */
export const THRESHOLDS: readonly number[] = Array.from({ length: 21 }, (_, i) => Math.round(10 ** (2 + i / 4)))
