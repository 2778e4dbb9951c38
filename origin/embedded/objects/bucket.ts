import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { KeyIndex, type ListedObject, type ListPage, type ListQuery } from './key-index.ts'
import { createKeyedLock } from './keyed-lock.ts'
import {
  isMissing,
  type OpenRecord,
  openRecord,
  readRecordMeta,
  type StagedRecord,
  stageRecord,
  syncFolder,
} from './record.ts'

/** An object's metadata, kept behind its body in one file. */
export interface ObjectMeta extends ListedObject {
  /** Headers to answer with: content-type, cache-control, x-amz-meta-* …, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Verified checksums: algorithm → base64. */
  readonly checksums: Readonly<Record<string, string>>
  /** The multipart upload that it came from, so that completing twice is answered twice. */
  readonly uploadId?: string
}

/** Throws to refuse a change; gets the object that is there now. */
export type Precondition = (current: ObjectMeta | undefined) => void

/** How many files the first listing reads at once. */
const SCAN_WIDTH = 16

/**
 * One bucket in a folder: objects/<first byte>/<SHA-256 of the key>, so that no key can reach out of the folder,
 * be too long for a file name or differ from another by case only. tmp/ holds what is being written.
 */
export class Bucket {
  readonly name: string
  readonly #dir: string
  readonly #newId: () => string
  readonly #locked = createKeyedLock()
  #index: Promise<KeyIndex> | undefined
  /** Changes made while the index is first read: applied after the reading, which may have seen either state. */
  #changesWhileLoading: ((index: KeyIndex) => void)[] = []
  #loaded: KeyIndex | undefined

  private constructor(dir: string, name: string, createdAt: number, newId: () => string) {
    this.name = name
    this.createdAt = createdAt
    this.#dir = dir
    this.#newId = newId
  }

  /** Opens or creates; removes what a killed process left half written. One process per folder. */
  static async open(dir: string, name: string, newId: () => string): Promise<Bucket> {
    await rm(join(dir, 'tmp'), { recursive: true, force: true })
    for (const folder of ['tmp', 'objects', 'uploads']) await mkdir(join(dir, folder), { recursive: true })
    return new Bucket(dir, name, (await stat(dir)).birthtimeMs, newId)
  }

  /** Epoch milliseconds; S3 clients only show it. */
  readonly createdAt: number

  get uploadsDir(): string {
    return join(this.#dir, 'uploads')
  }

  /** A file of this bucket that no reader sees until it is published. */
  stage(): Promise<StagedRecord> {
    return stageRecord(join(this.#dir, 'tmp'), this.#newId())
  }

  /** Opens the object for reading; a later put or delete does not disturb an open one. */
  read(key: string): Promise<OpenRecord<ObjectMeta> | undefined> {
    return openRecord<ObjectMeta>(this.#path(key))
  }

  head(key: string): Promise<ObjectMeta | undefined> {
    return readRecordMeta<ObjectMeta>(this.#path(key))
  }

  /**
   * Publishes a staged body under its key: durable when it returns.
   * @throws whatever `precondition` throws; then nothing has changed
   */
  async put(staged: StagedRecord, meta: ObjectMeta, precondition?: Precondition): Promise<void> {
    const path = this.#path(meta.key)
    if (await mkdir(join(path, '..'), { recursive: true })) await syncFolder(join(this.#dir, 'objects'))
    await this.#locked(meta.key, async () => {
      precondition?.(await this.head(meta.key))
      await staged.publish(path, meta)
      const { key, size, etag, lastModified } = meta
      this.#note((index) => index.set({ key, size, etag, lastModified }))
    })
  }

  /** Deletes the object if it is there. */
  async delete(key: string, precondition?: Precondition): Promise<void> {
    const path = this.#path(key)
    await this.#locked(key, async () => {
      if (precondition) precondition(await this.head(key))
      try {
        await unlink(path)
        await syncFolder(join(path, '..'))
      } catch (error) {
        if (!isMissing(error)) throw error
      }
      this.#note((index) => index.delete(key))
    })
  }

  /** The first listing reads every footer once; later ones come from memory. */
  async list(query: ListQuery): Promise<ListPage> {
    this.#index ??= this.#load()
    const index = await this.#index
    return index.list(query)
  }

  #note(change: (index: KeyIndex) => void): void {
    if (this.#loaded) change(this.#loaded)
    else if (this.#index) this.#changesWhileLoading.push(change)
  }

  async #load(): Promise<KeyIndex> {
    try {
      const index = new KeyIndex(await this.#scan())
      for (const change of this.#changesWhileLoading) change(index)
      this.#loaded = index
      return index
    } catch (error) {
      this.#index = undefined
      throw error
    } finally {
      this.#changesWhileLoading = []
    }
  }

  async #scan(): Promise<ListedObject[]> {
    const root = join(this.#dir, 'objects')
    const entries: ListedObject[] = []
    for (const shard of await readdir(root)) {
      const files = await readdir(join(root, shard))
      for (let at = 0; at < files.length; at += SCAN_WIDTH) {
        const paths = files.slice(at, at + SCAN_WIDTH).map((file) => join(root, shard, file))
        const metas = await Promise.all(paths.map((path) => readRecordMeta<ObjectMeta>(path)))
        for (const meta of metas) {
          if (meta) entries.push({ key: meta.key, size: meta.size, etag: meta.etag, lastModified: meta.lastModified })
        }
      }
    }
    return entries
  }

  #path(key: string): string {
    const hash = createHash('sha256').update(key).digest('hex')
    return join(this.#dir, 'objects', hash.slice(0, 2), hash.slice(2))
  }
}
