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
