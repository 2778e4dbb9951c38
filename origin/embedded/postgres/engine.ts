import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin'
import { citext } from '@electric-sql/pglite/contrib/citext'
import { fuzzystrmatch } from '@electric-sql/pglite/contrib/fuzzystrmatch'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { unaccent } from '@electric-sql/pglite/contrib/unaccent'
import { vector } from '@electric-sql/pglite-pgvector'
import { encodeMessage, encodeQuery, encodeString, readMessages, readRows } from './protocol.ts'
import { freshDatabase } from './snapshot.ts'

/** The one backend behind all connections. Only one call may run at a time; the scheduler sees to that. */
export interface Engine {
  /** The ParameterStatus messages that a new connection is told, as the engine sent them. */
  readonly parameters: Buffer
  /**
   * Runs frontend messages and returns all that the backend answered.
   * @throws when the backend has died; it cannot be used again
   */
  run(messages: Uint8Array): Promise<Buffer>
  /** Runs SQL of our own in the simple protocol and returns its rows as text. */
  query(sql: string): Promise<(string | null)[][]>
  close(): Promise<void>
}

/** Extensions that a database may create: vector search, trigrams, and what full-text search likes beside them. */
const EXTENSIONS = { vector, pg_trgm, unaccent, fuzzystrmatch, btree_gin, citext }

/**
 * Opens PGlite, creating the database on the first use.
 * @param dataDir folder of the database; absent = in memory
 */
export async function openEngine(dataDir: string | undefined): Promise<Engine> {
  const exists = dataDir !== undefined && existsSync(join(dataDir, 'PG_VERSION'))
  const db = await PGlite.create({
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(exists ? {} : { loadDataDir: await freshDatabase() }),
    extensions: EXTENSIONS,
  })

  async function run(messages: Uint8Array): Promise<Buffer> {
    const chunks: Buffer[] = []
    await db.execProtocolRawStream(messages, {
      // The file system is Node's own: every write is a system call already, there is nothing to synchronise after it.
      syncToFs: false,
      // The bytes are a window into the engine's memory, valid during the call only.
      onRawData: (bytes) => void chunks.push(Buffer.from(bytes)),
    })
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  return {
    parameters: await readParameters(run),
    run,
    query: async (sql) => readRows(await run(encodeQuery(sql))),
    close: () => db.close(),
  }
}

async function readParameters(run: Engine['run']): Promise<Buffer> {
  const fields = ['user', 'postgres', 'database', 'postgres'].map(encodeString)
  const body = Buffer.concat([Buffer.from([0, 3, 0, 0]), ...fields, Buffer.from([0])])
  // A startup message is an ordinary one without its type byte.
  const answer = await run(encodeMessage('\0', body).subarray(1))
  return Buffer.concat([...readMessages(answer)].filter(({ type }) => type === 'S').map(({ bytes }) => bytes))
}
