/** What every bench is given, and what it answers. */
export interface BenchOptions {
  /** A data file of the caller's; null: the bench's own seeded, synthetic data. */
  data: string | null
  /** Length of each measured run. */
  seconds: number
  /** How many people like; null: as many as the bench is made for. */
  likes: number | null
  /** The largest size that a bench is made for, where it has several. */
  full: boolean
  /** How many documents are searched; null: as many as the bench is made for. */
  documents: number | null
  /** The project to measure beside ours; null: none. */
  peer: string | null
  /** Where a bench that draws puts its picture; null: nowhere. */
  svg: string | null
  say(text: string): void
}

/** Figures by name. One that could not be measured is null, never invented. */
export type Figures = Record<string, unknown>

export type Bench = (options: BenchOptions) => Promise<Figures>

/**
 * Figures of a run that counts; null each where it does not, which is said on stderr: errors, cut pages and requests that were
 * never sent are cheap, and would make every figure better.
 * @param why the run is void; null: it is not
 */
export function unlessVoid<T extends Figures>(why: string | null, figures: T): { [Name in keyof T]: T[Name] | null } {
  if (why === null) return figures
  console.error(`The figures are void: ${why}.`)
  return Object.fromEntries(Object.keys(figures).map((name) => [name, null])) as { [Name in keyof T]: null }
}

/** Why a run of which so many answers were wrong is void. */
export const failuresIn = (failures: number): string | null =>
  failures === 0 ? null : `${failures} answers were not what was asked for`
