import { closeSync, fsyncSync, openSync, renameSync, utimesSync, writeSync } from 'node:fs'
import { open, readFile, rename, utimes } from 'node:fs/promises'
import { deserialize, serialize } from 'node:v8'
import type { Random } from '#core/ids.ts'
import { Bytes } from './bytes.ts'
import type { Database, DataOf, Stored, Surroundings, TypeName } from './keyspace.ts'
import { SortedSet } from './sorted-set.ts'
import { Stream, type StreamEntry } from './stream.ts'

/** The first bytes of a snapshot: what it is and the version of its records. */
const MAGIC = Buffer.from('TIDEREDIS1')
/** Keys serialized in one go; the event loop gets its turn after each. */
const BATCH = 256
const END = Buffer.alloc(4)

/** One key as it is written: sorted sets and streams in a plain form, the rest as they are. */
type Snapshotted = [db: number, key: string, type: TypeName, expiresAt: number, data: unknown]

/**
 * Walks all databases in batches that together show one moment, although commands run in between: before a key changes that the walk has not reached,
 * its old value is put aside.
 */
class Walk {
  readonly #surroundings: Surroundings
  readonly #seen = new Set<string>()
  readonly #entries: Iterator<[Database, string, Stored]>
  #aside: Snapshotted[] = []

  constructor(databases: readonly Database[], surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#entries = everything(databases)
    surroundings.before = (db, key) => {
      if (!this.#isNew(db, key)) return
      const stored = db.get(key)
      // Copied: what stands aside is about to change.
      if (stored) this.#aside.push(deserialize(serialize(toRecord(db, key, stored))))
    }
  }

  /** The next batch, ready to write; undefined at the end. */
  next(): Buffer | undefined {
    const batch = this.#aside
    this.#aside = []
    while (batch.length < BATCH) {
      const next = this.#entries.next()
      if (next.done) break
      const [db, key, stored] = next.value
      if (this.#isNew(db, key)) batch.push(toRecord(db, key, stored))
    }
    return batch.length === 0 ? undefined : frame(serialize(batch))
  }

  end(): void {
    this.#surroundings.before = undefined
  }

  #isNew(db: Database, key: string): boolean {
    const name = `${db.index}:${key}`
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    return true
  }
}

function* everything(databases: readonly Database[]): Generator<[Database, string, Stored]> {
  for (const db of databases) for (const [key, stored] of db.entries()) yield [db, key, stored]
}

function frame(payload: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(payload.length)
  return Buffer.concat([length, payload])
}

function toRecord(db: Database, key: string, { type, data }: Stored): Snapshotted {
  const at = db.expiry(key) ?? 0
  if (data instanceof Bytes) return [db.index, key, type, at, data.toString()]
  if (data instanceof SortedSet) return [db.index, key, type, at, [...data]]
  if (data instanceof Stream) return [db.index, key, type, at, [data.entries, data.lastId]]
  return [db.index, key, type, at, data]
}

function fromRecord(type: TypeName, data: unknown, random: Random): DataOf[TypeName] {
  if (type === 'zset') {
    const zset = new SortedSet(random)
    for (const [member, score] of data as [string, number][]) zset.set(member, score)
    return zset
  }
  if (type === 'stream') return new Stream(...(data as [StreamEntry[], bigint]))
  return data as DataOf[TypeName]
}

/**
 * Writes all keys to `file` in the background, atomically (a temporary file, fsync, rename), and dates it to the moment
 * that it shows. Rejects as the file system does.
 */
export async function writeSnapshot(
  file: string,
  databases: readonly Database[],
  surroundings: Surroundings,
): Promise<void> {
  const temporary = `${file}.tmp`
  // Before the file is open: the moment is that of the call, whatever the disk takes.
  const moment = new Date(surroundings.now)
  const walk = new Walk(databases, surroundings)
  try {
    const handle = await open(temporary, 'w')
    try {
      await handle.write(MAGIC)
      for (let batch = walk.next(); batch; batch = walk.next()) await handle.write(batch)
      await handle.write(END)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } finally {
    walk.end()
  }
  await utimes(temporary, moment, moment)
  await rename(temporary, file)
}

/** The same at once, while everything waits (SAVE). Not while a background snapshot runs. */
export function writeSnapshotNow(file: string, databases: readonly Database[], surroundings: Surroundings): void {
  const temporary = `${file}.now.tmp`
  const descriptor = openSync(temporary, 'w')
  const before = surroundings.before
  const moment = new Date(surroundings.now)
  const walk = new Walk(databases, surroundings)
  try {
    writeSync(descriptor, MAGIC)
    for (let batch = walk.next(); batch; batch = walk.next()) writeSync(descriptor, batch)
    writeSync(descriptor, END)
    fsyncSync(descriptor)
  } finally {
    walk.end()
    surroundings.before = before
    closeSync(descriptor)
  }
  utimesSync(temporary, moment, moment)
  renameSync(temporary, file)
}

/** Reads a snapshot into empty databases; keys whose time is over stay away. Answers the number of keys; throws if the file is damaged. */
export async function loadSnapshot(
  file: string,
  databases: readonly Database[],
  now: number,
  random: Random,
): Promise<number> {
  const bytes = await readFile(file)
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not a snapshot of this server')
  let loaded = 0
  for (let at = MAGIC.length; ; ) {
    const length = bytes.readUInt32LE(at)
    if (length === 0) return loaded
    const batch = deserialize(bytes.subarray(at + 4, at + 4 + length)) as Snapshotted[]
    for (const [index, key, type, expiresAt, data] of batch) {
      if (expiresAt !== 0 && expiresAt <= now) continue
      databases[index]!.put(key, type, fromRecord(type, data, random))
      if (expiresAt !== 0) databases[index]!.setExpiry(key, expiresAt)
      loaded++
    }
    at += 4 + length
  }
}
