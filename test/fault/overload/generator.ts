/**
 * Load from a process of its own: `node generator.ts`, told by messages. A closed loop (some at once, each next one after an
 * answer) finds what can be done; an open loop (so many a second, whatever becomes of them) offers more than that.
 */
import { Agent, request } from 'node:http'
import { setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

export interface Target {
  /** Paths with an access token each, to be asked in turn. */
  feeds: { path: string; token: string }[]
  /** Something else that people read. */
  other: string
  port: number
  /** A body below this is no full page. */
  fewestBytes: number
}

export type Job =
  | { kind: 'aim'; target: Target }
  | { kind: 'closed'; atOnce: number; ms: number }
  /** Requests a second of each. */
  | { kind: 'open'; feeds: number; others: number; ms: number }

export interface Answered {
  what: 'feed' | 'other'
  /** Milliseconds from the beginning of the job to the moment for which it was planned. */
  atMs: number
  /** Milliseconds by which it was sent later than planned. */
  lagMs: number
  /** Milliseconds from the moment for which it was planned to the end of the answer: who is made to wait for his turn waits. */
  ms: number
  /** 0: no answer. */
  status: number
  /** A page with everything, that nothing was away for. */
  isWhole: boolean
  hasRetryAfter: boolean
}

let target: Target | null = null
let turn = 0
const agent = new Agent({ keepAlive: true, maxSockets: 2_000, maxFreeSockets: 2_000 })

function ask(what: Answered['what'], plannedMs: number, startMs: number): Promise<Answered> {
  if (target === null) throw new Error('nothing was aimed at')
  const { feeds, other, port, fewestBytes } = target
  const feed = feeds[turn++ % feeds.length]
  const path = what === 'feed' ? feed?.path : other
  const headers = what === 'feed' ? { authorization: `Bearer ${feed?.token}` } : {}
  const sentMs = performance.now()
  return new Promise((resolve) => {
    const end = (status: number, bytes: number, told: Record<string, unknown>) => {
      const now = performance.now()
      const isWhole = status === 200 && (what === 'other' || bytes >= fewestBytes) && !('tideline-degraded' in told)
      const hasRetryAfter = 'retry-after' in told
      const times = { atMs: plannedMs - startMs, lagMs: sentMs - plannedMs, ms: now - plannedMs }
      resolve({ what, ...times, status, isWhole, hasRetryAfter })
    }
    const asked = request({ host: '127.0.0.1', port, path, headers, agent }, (answer) => {
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      answer.on('end', () => end(answer.statusCode ?? 0, bytes, answer.headers))
      answer.on('error', () => end(0, 0, {}))
    })
    asked.on('error', () => end(0, 0, {}))
    asked.end()
  })
}

async function closed({ atOnce, ms }: Extract<Job, { kind: 'closed' }>): Promise<Answered[]> {
  const startMs = performance.now()
  const answers: Answered[] = []
  const one = async () => {
    while (performance.now() - startMs < ms) answers.push(await ask('feed', performance.now(), startMs))
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return answers
}

async function open({ feeds, others, ms }: Extract<Job, { kind: 'open' }>): Promise<Answered[]> {
  const startMs = performance.now()
  const asked: Promise<Answered>[] = []
  const sent = { feed: 0, other: 0 }
  const sendDue = (what: 'feed' | 'other', perSecond: number, now: number) => {
    for (;;) {
      const plannedMs = startMs + (sent[what] * 1_000) / perSecond
      if (plannedMs > now) return
      sent[what]++
      asked.push(ask(what, plannedMs, startMs))
    }
  }
  for (let now = startMs; now - startMs < ms; now = performance.now()) {
    sendDue('feed', feeds, now)
    if (others > 0) sendDue('other', others, now)
    await pause(1)
  }
  return Promise.all(asked)
}

// It measures: what it waits for a core is not what a server takes. Whoever may not ask for that is told of the lag.
try {
  setPriority(-10)
} catch {}
process.on('message', async (job: Job) => {
  if (job.kind === 'aim') target = job.target
  process.send?.(job.kind === 'aim' ? [] : job.kind === 'closed' ? await closed(job) : await open(job))
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
