/** The generator as its test sees it, and what its answers come to. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answered, Job, Target } from './generator.ts'

export interface Generator {
  pid: number
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
  return { pid: child.pid ?? 0, run: ask, stop: () => child.disconnect() }
}

/** @param part of the values that are below the answer; 0 of none */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10
}

/** What became of requests of one kind. */
export interface Outcome {
  /** That had been sent, not only planned, before the load was over. */
  sentPerSecond: number
  /** Whole answers that came in time, a second. */
  goodPerSecond: number
  /** Of all that were not refused, degraded ones as well. */
  acceptedP50Ms: number
  acceptedP99Ms: number
  /** Degraded ones among the accepted. */
  degradedShare: number
  refusedShare: number
  refusedP50Ms: number
  refusedP99Ms: number
  /** Neither an answer nor a refusal that says when to come again: by status. */
  strange: Record<string, number>
  lagP99Ms: number
}

const share = (part: number, all: number) => (all === 0 ? 0 : Math.round((part / all) * 1_000) / 1_000)

const isRefusal = ({ status, hasRetryAfter }: Answered) => (status === 503 || status === 429) && hasRetryAfter

/**
 * @param answers to what was planned for `fromMs` to `toMs` after the beginning
 * @param inTimeMs longest time of a good answer
 */
export function outcome(
  answers: readonly Answered[],
  { fromMs, toMs, inTimeMs }: { fromMs: number; toMs: number; inTimeMs: number },
): Outcome {
  const seconds = (toMs - fromMs) / 1_000
  const whole = answers.filter(({ isWhole }) => isWhole)
  const accepted = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(isRefusal)
  const strange: Record<string, number> = {}
  for (const answer of answers) {
    if (answer.status === 200 || isRefusal(answer)) continue
    strange[answer.status] = (strange[answer.status] ?? 0) + 1
  }
  const waits = refused.map(({ ms }) => ms)
  const times = accepted.map(({ ms }) => ms)
  return {
    sentPerSecond: Math.round(answers.filter(({ atMs, lagMs }) => atMs + lagMs < toMs).length / seconds),
    goodPerSecond: Math.round(whole.filter(({ ms }) => ms <= inTimeMs).length / seconds),
    acceptedP50Ms: percentile(times, 0.5),
    acceptedP99Ms: percentile(times, 0.99),
    degradedShare: share(accepted.length - whole.length, accepted.length),
    refusedShare: share(refused.length, answers.length),
    refusedP50Ms: percentile(waits, 0.5),
    refusedP99Ms: percentile(waits, 0.99),
    strange,
    lagP99Ms: percentile(
      answers.map(({ lagMs }) => lagMs),
      0.99,
    ),
  }
}
