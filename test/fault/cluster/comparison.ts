/** What checks are told and answer, and how they compare lists. */
import type { Person } from '../../e2e/person.ts'
import type { WriteLog } from './log.ts'
import type { Platform } from './platform.ts'

export interface CheckOptions {
  platform: Platform
  word: string
  log: WriteLog
  /** Follow all authors. */
  followers: readonly Person[]
  /** Who likes and comments. */
  readers: readonly Person[]
  /** Everybody who follows or is followed by the log's pairs, and all follows of theirs so far. */
  crowd: readonly Person[]
  follows: ReadonlySet<string>
  /** Whether counters may be gone since: Valkey was killed. */
  mayLackCounters: boolean
}

/** What is wrong in a place; empty when nothing is. */
export type Check = () => Promise<string[]>
export type Checks = Record<string, Check>

/** What one list has and the other has not, and what stands in the first more than once. */
export function differences(found: readonly string[], expected: Iterable<string>, where: string): string[] {
  const [there, asked] = [new Set(found), new Set(expected)]
  const twice = found.filter((each, index) => found.indexOf(each) !== index)
  return [
    ...[...asked].filter((each) => !there.has(each)).map((each) => `${where} lacks ${each}`),
    ...[...there].filter((each) => !asked.has(each)).map((each) => `${where} has ${each}, which nobody asked for`),
    ...twice.map((each) => `${where} has ${each} twice`),
  ]
}

/** A few at a time. */
export async function each<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let n = 0; n < list.length; n += 6) results.push(...(await Promise.all(list.slice(n, n + 6).map(work))))
  return results
}
