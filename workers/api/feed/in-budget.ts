/**
 * What a reader is shown when the time for a page is over, or its stores are away: the page; else what has been read of it and
 * has passed the rules; else the last page, without whom they must not see. Nothing is shown before it is known who that is,
 * unless nobody is left to ask.
 */
import type { DegradedBy } from '#core/edge-observations.ts'
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { notHidden, notUnfollowed, pageRenderer } from '#core/feed/index.ts'
import type { Clock, Id } from '#core/ids.ts'
import type { Load } from '#core/load.ts'
import { problems } from '#core/problem.ts'
import type { Hidden } from '#core/timeline/index.ts'
import type { inTime } from '../data/in-time.ts'
import type { FeedIsolate } from './isolate.ts'
import type { KeptItem, LastPages } from './last-page.ts'
import type { FeedPage, FeedQuery, PageSoFar } from './page.ts'
import type { FeedPorts } from './ports.ts'
import { serveFeed } from './serve.ts'

/** How far the making of a page has come. */
export interface FeedSoFar {
  readonly degraded: Set<DegradedBy>
  /** Null until it is known whom to hide and what the candidates are. */
  page: (() => PageSoFar) | null
  hidden: Hidden | null
}

export const nothingYet = (): FeedSoFar => ({ degraded: new Set(), page: null, hidden: null })

/** The ports by which the making of a page tells how far it has come. */
export const toldTo = (made: FeedSoFar): Pick<FeedPorts, 'degraded' | 'soFar' | 'hides'> => ({
  degraded: (by) => void made.degraded.add(by),
  soFar: (page) => {
    made.page = page
  },
  hides: (hidden) => {
    made.hidden = hidden
  },
})

export interface BudgetPorts {
  clock: Clock
  /** When the request came, in ms since 1970. */
  startedMs: number
  /** Milliseconds from then on after which the best page there is is shown. */
  budgetMs: number
  inTime: typeof inTime
  isolate: Pick<FeedIsolate, 'hasChangedSince' | 'heardSinceMs'>
  lastPages: Pick<LastPages, 'keep' | 'find'>
  load: Pick<Load, 'stay' | 'leave'>
  isAway: FeedPorts['isAway']
  later: FeedPorts['later']
  /** Makes the addresses of a page's private pictures; needed before its text is joined. */
  sign(page: FeedPage): Promise<void>
}

/** A page and what it did without, or the text of the last one. */
export type Shown = { page: FeedPage; degraded: ReadonlySet<DegradedBy> } | { last: string }

/** Who has waited in vain is shown the first posts that come. */
const LOOK_AGAIN_MS = 20

/**
 * Budgets after which a later page is given up: its reader has something on the screen, and asks again. Who opens the feed
 * waits for as long as the stores may take.
 */
const GIVEN_UP_AFTER = 5

/**
 * How old a page may be that is shown while the stores are slow. An unfollow is known by its entry among the hidden for this
 * long, less a minute for the making of the page; who comes back later would rather wait for news.
 */
const SHOWN_AGAIN_MS = FANOUT_POLICY.unfollowedForMs - 60_000

/**
 * Serves a page as its time allows. What is shown before the rest was read says `late`; what it does without comes on later pages.
 * @param feedPorts the stores, and what tells `made` how far the page has come (`toldTo`)
 * @throws Problem 503 where there is nothing to show
 */
export async function feedInBudget(
  query: FeedQuery,
  feedPorts: (made: FeedSoFar) => FeedPorts,
  ports: BudgetPorts,
): Promise<Shown> {
  const made = nothingYet()
  const fresh = serveFeed(query, feedPorts(made))
  try {
    return await asSoonAsMayBe(query, fresh, made, ports)
  } catch (error) {
    if (!ports.isAway(error)) throw error
    const last = await lastPage(query, made.hidden, Number.NEGATIVE_INFINITY, ports)
    if (last === null) throw problems.away('The feed', 2, error)
    return { last }
  }
}

async function asSoonAsMayBe(
  query: FeedQuery,
  fresh: Promise<FeedPage>,
  made: FeedSoFar,
  ports: BudgetPorts,
): Promise<Shown> {
  const { clock, startedMs, budgetMs } = ports
  const givenUpMs = query.cursor === null ? Number.POSITIVE_INFINITY : startedMs + GIVEN_UP_AFTER * budgetMs
  let hasLooked = false
  for (let waitMs = startedMs + budgetMs - clock(); ; waitMs = LOOK_AGAIN_MS) {
    const page = await ports.inTime(fresh, waitMs)
    if (page !== null) return { page, degraded: made.degraded }
    const soFar = made.page?.()
    if (soFar !== undefined && (soFar.isFull || soFar.page.items.length > 0)) {
      goOn(query, fresh, made, ports)
      return { page: soFar.page, degraded: new Set<DegradedBy>([...made.degraded, 'late']) }
    }
    if (made.hidden !== null && !hasLooked) {
      hasLooked = true
      const sinceMs = Math.max(ports.isolate.heardSinceMs, clock() - SHOWN_AGAIN_MS)
      const last = await Promise.race([lastPage(query, made.hidden, sinceMs, ports), fresh.then(() => null)])
      if (last !== null) {
        goOn(query, fresh, made, ports)
        return { last }
      }
    }
    if (clock() >= givenUpMs) {
      goOn(query, fresh, made, ports)
      throw problems.away('The next page of the feed', 1)
    }
  }
}

/** What a late answer did without is read on: the next page finds it. Until then it is under way like any other. */
function goOn(query: FeedQuery, fresh: Promise<FeedPage>, { degraded }: FeedSoFar, ports: BudgetPorts): void {
  const place = ports.load.stay()
  ports.later(async () => {
    try {
      const page = await fresh
      if (!isToBeKept(query, degraded)) return
      await ports.sign(page)
      keepLast(query, page, degraded, ports)
    } catch {
      // Nobody waits for it.
    } finally {
      ports.load.leave(place)
    }
  })
}

const isToBeKept = (query: FeedQuery, degraded: ReadonlySet<DegradedBy>) => query.cursor === null && degraded.size === 0

/** Keeps a whole first page for later. Answers the page's text, joined once for both, as soon as one of them asks. */
export function keepLast(
  query: FeedQuery,
  page: FeedPage,
  degraded: ReadonlySet<DegradedBy>,
  { lastPages, later, startedMs }: Pick<BudgetPorts, 'lastPages' | 'later' | 'startedMs'>,
): () => string {
  const render = pageRenderer(page.items, page.viewer, page.cursor)
  let joined: string | null = null
  const text = () => {
    joined ??= render()
    return joined
  }
  if (isToBeKept(query, degraded)) lastPages.keep(query, { render, madeMs: startedMs }, text, later)
  return text
}

/** @param hidden as this request has read it; null where nobody says */
async function lastPage(
  query: FeedQuery,
  hidden: Hidden | null,
  sinceMs: number,
  { lastPages, isolate }: BudgetPorts,
): Promise<string | null> {
  if (query.cursor !== null) return null
  const viewer = { id: query.user, hidden: hidden ?? NOBODY }
  const mayShow = ({ id, reason, author }: KeptItem, madeMs: number) => {
    const item = { candidate: { reason }, post: { authorId: author.id } }
    const isGone = isolate.hasChangedSince(id, madeMs) || isolate.hasChangedSince(author.id, madeMs)
    return !isGone && notHidden.allows(item, viewer) && notUnfollowed.allows(item, viewer)
  }
  return lastPages.find(query, mayShow, sinceMs)
}

const NOBODY: Hidden = Object.freeze({ everywhere: new Set<Id>(), unfollowed: new Set<Id>() })
