/** The generator as its test sees it, and what its answers come to. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answered, Job, Target } from './generator.ts'

export interface Generator {
  run(job: Exclude<Job, { kind: 'aim' }>): Promise<Answered[]>
  stop(): void
}

export async function startGenerator(target: Target): Promise<Generator> {
  const child = fork(fileURLToPath(new URL('generator.ts', import.meta.url)), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    execArgv: [],
  })
  await once(child, 'message')
  const ask = async (job: Job): Promise<Answered[]> => {
    const answer = once(child, 'message')
    child.send(job)
    const [answers] = (await answer) as [Answered[]]
    return answers
  }
  await ask({ kind: 'aim', target })
  return { run: ask, stop: () => child.disconnect() }
}

/** @param part of the values that are below the answer; 0 of none */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10
}

/** Of pages that something was away or too late for. */
export const DEGRADED = '200 degraded'

/** What became of requests of one kind. */
export interface Outcome {
  sentPerSecond: number
  /** Whole answers that came in time, a second. */
  goodPerSecond: number
  acceptedP50Ms: number
  acceptedP99Ms: number
  refusedShare: number
  refusedP50Ms: number
  refusedP99Ms: number
  /** Neither a whole answer nor a refusal that says when to come again: by status, `200 degraded` among them. */
  strange: Record<string, number>
  lagP99Ms: number
}

const isRefusal = ({ status, hasRetryAfter }: Answered) => (status === 503 || status === 429) && hasRetryAfter

/** @param seconds for which it was sent @param inTimeMs longest time of a good answer */
export function outcome(answers: readonly Answered[], seconds: number, inTimeMs: number): Outcome {
  const whole = answers.filter(({ isWhole }) => isWhole)
  const refused = answers.filter(isRefusal)
  const strange: Record<string, number> = {}
  for (const answer of answers) {
    if (answer.isWhole || isRefusal(answer)) continue
    const name = answer.status === 200 ? DEGRADED : String(answer.status)
    strange[name] = (strange[name] ?? 0) + 1
  }
  const waits = refused.map(({ ms }) => ms)
  const times = whole.map(({ ms }) => ms)
  return {
    sentPerSecond: Math.round(answers.length / seconds),
    goodPerSecond: Math.round(whole.filter(({ ms }) => ms <= inTimeMs).length / seconds),
    acceptedP50Ms: percentile(times, 0.5),
    acceptedP99Ms: percentile(times, 0.99),
    refusedShare: answers.length === 0 ? 0 : Math.round((refused.length / answers.length) * 1_000) / 1_000,
    refusedP50Ms: percentile(waits, 0.5),
    refusedP99Ms: percentile(waits, 0.99),
    strange,
    lagP99Ms: percentile(
      answers.map(({ lagMs }) => lagMs),
      0.99,
    ),
  }
}
