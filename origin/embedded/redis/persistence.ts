import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { Engine } from './command.ts'
import type { Surroundings } from './keyspace.ts'
import { loadSnapshot, writeSnapshot, writeSnapshotNow } from './snapshot.ts'

/** When snapshots are written and read; without a file nothing happens. One is written at a time. */
export class Persistence {
  readonly #file: string | undefined
  readonly #log: (message: string) => void
  #running: Promise<void> | undefined
  #engine: Engine | undefined
  #surroundings: Surroundings | undefined
  #lostSince: number | null = null

  constructor(file: string | undefined, log: (message: string) => void) {
    this.#file = file
    this.#log = log
  }

  /**
   * Unix milliseconds from which on writes are missing, because the process before did not end by itself and took along
   * what its last snapshot does not show; null when nothing is missing.
   */
  get lostSince(): number | null {
    return this.#lostSince
  }

  /** Loads the last snapshot. A damaged one is put aside and told about: what is in it can be rebuilt, a start that fails cannot. */
  async attach(engine: Engine, surroundings: Surroundings): Promise<void> {
    this.#engine = engine
    this.#surroundings = surroundings
    if (this.#file === undefined) return
    this.#lostSince = await this.#takeMark(engine.clock())
    try {
      await loadSnapshot(this.#file, engine.databases, surroundings.now, engine.random)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      for (const db of engine.databases) db.clear()
      await rename(this.#file, `${this.#file}.damaged`)
      this.#lostSince = 0
      this.#log(`redis snapshot unreadable (${String(error)}): kept as ${this.#file}.damaged, starting empty`)
    }
  }

  /** The last snapshot of this process: whoever loads it misses nothing. */
  async end(): Promise<void> {
    await this.save()
    if (this.#file !== undefined) await rm(runningMark(this.#file), { force: true })
  }

  /** Lays a mark that only an orderly end removes. A mark that lies there already is a process's that was killed. */
  async #takeMark(now: number): Promise<number | null> {
    if (this.#file === undefined) return null
    const mark = runningMark(this.#file)
    const startedMs = await readFile(mark, 'utf8').then(Number, ifMissing(null))
    const snapshotMs = await stat(this.#file).then(({ mtimeMs }) => mtimeMs, ifMissing(null))
    await writeFile(mark, String(now))
    return startedMs === null ? null : Math.floor(snapshotMs ?? startedMs)
  }

  /** Writes a snapshot after the one under way, if any. */
  async save(): Promise<void> {
    while (this.#running) await this.#running.catch(() => undefined)
    if (this.#file === undefined || !this.#engine || !this.#surroundings) return
    this.#running = writeSnapshot(this.#file, this.#engine.databases, this.#surroundings)
    try {
      await this.#running
      this.#engine.stats.lastSaveMs = this.#engine.clock()
    } finally {
      this.#running = undefined
    }
  }

  /** Starts a snapshot unless one is under way; a failure is told, not thrown. */
  saveSoon(): void {
    if (this.#running) return
    this.save().catch((error: unknown) => this.#log(`redis snapshot failed: ${String(error)}`))
  }

  saveNow(): void {
    if (this.#file === undefined || !this.#engine || !this.#surroundings) return
    writeSnapshotNow(this.#file, this.#engine.databases, this.#surroundings)
    this.#engine.stats.lastSaveMs = this.#engine.clock()
  }
}

const runningMark = (file: string) => `${file}.running`

const ifMissing =
  <T>(fallback: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return fallback
    throw error
  }
