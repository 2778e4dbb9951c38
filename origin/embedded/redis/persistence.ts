import { rename } from 'node:fs/promises'
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

  constructor(file: string | undefined, log: (message: string) => void) {
    this.#file = file
    this.#log = log
  }

  /** Loads the last snapshot. A damaged one is put aside and told about: what is in it can be rebuilt, a start that fails cannot. */
  async attach(engine: Engine, surroundings: Surroundings): Promise<void> {
    this.#engine = engine
    this.#surroundings = surroundings
    if (this.#file === undefined) return
    try {
      await loadSnapshot(this.#file, engine.databases, surroundings.now, engine.random)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      for (const db of engine.databases) db.clear()
      await rename(this.#file, `${this.#file}.damaged`)
      this.#log(`redis snapshot unreadable (${String(error)}): kept as ${this.#file}.damaged, starting empty`)
    }
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
