/**
 * Compares the client's log with what is there: each acknowledged write once, nothing that nobody asked for. First what stands
 * in each store, then what people are shown.
 */
import { until } from '../../e2e/until.ts'
import { shownChecks } from './check-shown.ts'
import { storedChecks } from './check-stored.ts'
import type { Check, CheckOptions } from './comparison.ts'

const WITHIN_MS = 120_000

const checksOf = (options: CheckOptions): [place: string, check: Check][] =>
  Object.entries({ ...storedChecks(options), ...shownChecks(options) })

/** What is wrong now, by place. */
export async function faultsIn(options: CheckOptions): Promise<Map<string, string[]>> {
  return look(checksOf(options))
}

/**
 * Asks until all is as it must be, and once more: nothing that comes late doubles or undoes it.
 * @returns milliseconds until it was, and what was last
 * @throws Error that says for each place what is missing, doubled or wrong
 */
export async function everythingOnce(options: CheckOptions): Promise<{ settledMs: number; last: string }> {
  const began = Date.now()
  let open = checksOf(options)
  let wrong = new Map<string, string[]>()
  let last = ''
  await until(
    'every acknowledged write is there once',
    async () => {
      wrong = await look(open)
      last = [...wrong.keys()].join(', ') || last
      open = open.filter(([place]) => wrong.has(place))
      return open.length === 0
    },
    { withinMs: WITHIN_MS, everyMs: 500, explain: () => told(wrong) },
  )
  const settledMs = Date.now() - began
  const after = await faultsIn(options)
  if (after.size > 0) throw new Error(`it was there once, and then was not: ${JSON.stringify(told(after))}`)
  return { settledMs, last }
}

/** The same of what was right already: once is enough, unless something is under way. */
export async function everythingStillOnce(options: CheckOptions): Promise<void> {
  if ((await faultsIn(options)).size > 0) await everythingOnce(options)
}

async function look(checks: readonly [string, Check][]): Promise<Map<string, string[]>> {
  const looks = checks.map(async ([place, check]): Promise<[string, string[]]> => {
    const found = await check().catch((error: unknown) => [error instanceof Error ? error.message : String(error)])
    return [place, found]
  })
  return new Map((await Promise.all(looks)).filter(([, found]) => found.length > 0))
}

const told = (wrong: ReadonlyMap<string, string[]>) =>
  Object.fromEntries([...wrong].map(([place, found]) => [`${place}: ${found.length}`, found.slice(0, 6)]))
