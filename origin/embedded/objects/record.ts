import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * A record is one file: the body, a JSON footer, the footer's length and a magic word. Body and metadata in one file
 * mean that one rename publishes both, so that a kill at any moment leaves the old object or the new one.
 */
const MAGIC = Buffer.from('TLO1')
const TAIL_BYTES = 8
/** One read of this many bytes from the end holds nearly every footer whole. */
const FOOTER_GUESS_BYTES = 8192

export interface OpenRecord<Meta> {
  /** The body begins at offset 0. Whoever opened the record closes the handle. */
  readonly handle: FileHandle
  readonly bodySize: number
  readonly meta: Meta
}

/** A file being written aside, to be published under its real name or discarded. */
export interface StagedRecord {
  readonly handle: FileHandle
  /** Appends the footer, makes the file durable and puts it in the place of `target`. */
  publish(target: string, meta: object): Promise<void>
  /** Removes what was not published; after `publish` it does nothing. */
  discard(): Promise<void>
}

export async function stageRecord(dir: string, name: string): Promise<StagedRecord> {
  const path = join(dir, name)
  const handle = await open(path, 'wx')
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) await handle.close()
    isOpen = false
  }
  return {
    handle,
    async publish(target, meta) {
      const footer = Buffer.from(JSON.stringify(meta))
      const tail = Buffer.alloc(TAIL_BYTES)
      tail.writeUInt32BE(footer.length)
      MAGIC.copy(tail, 4)
      await handle.appendFile(Buffer.concat([footer, tail]))
      await handle.sync()
      await close()
      await rename(path, target)
      await syncFolder(dirname(target))
    },
    async discard() {
      await close()
      await rm(path, { force: true })
    },
  }
}

/**
 * @returns undefined when there is no such file
 * @throws Error when the file is not a whole record (only a damaged disk does that)
 */
export async function openRecord<Meta>(path: string): Promise<OpenRecord<Meta> | undefined> {
  const handle = await openExisting(path)
  if (!handle) return undefined
  try {
    const { size } = await handle.stat()
    let tail = await readEnd(handle, size, FOOTER_GUESS_BYTES)
    const length = tail.length >= TAIL_BYTES ? tail.readUInt32BE(tail.length - TAIL_BYTES) : 0
    if (!tail.subarray(-4).equals(MAGIC) || length + TAIL_BYTES > size) throw new Error(`damaged record: ${path}`)
    if (length + TAIL_BYTES > tail.length) tail = await readEnd(handle, size, length + TAIL_BYTES)
    const footer = tail.subarray(tail.length - TAIL_BYTES - length, tail.length - TAIL_BYTES)
    return { handle, bodySize: size - TAIL_BYTES - length, meta: JSON.parse(footer.toString('utf8')) as Meta }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** The metadata alone. */
export async function readRecordMeta<Meta>(path: string): Promise<Meta | undefined> {
  const record = await openRecord<Meta>(path)
  await record?.handle.close()
  return record?.meta
}

/** A rename or an unlink survives a power cut only once its folder has been synced. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function readEnd(handle: FileHandle, size: number, bytes: number): Promise<Buffer> {
  const length = Math.min(size, bytes)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
  return buffer.subarray(0, bytesRead)
}
