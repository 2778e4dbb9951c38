import { existsSync, rmSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { lockDataDir } from './lock.ts'
import type { ThreadReady, ThreadSettings } from './thread.ts'

export { DataDirInUseError } from './lock.ts'

export interface EmbeddedPostgresOptions {
  /** Folder of the database, created on the first use; absent = in memory, gone on close. */
  readonly dataDir?: string
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string
  /** 0 (the default) lets the system choose. */
  readonly port?: number
  /** Clients above this number are refused (53300). Default 100. */
  readonly maxConnections?: number
  /**
   * How long a client may stall inside a transaction before it is rolled back and disconnected (25P03), in
   * milliseconds. Default 5,000: nobody else can run anything meanwhile.
   */
  readonly transactionIdleMs?: number
  /** Asked of every client when set. */
  readonly password?: string
  /** Native stack of the engine's thread, in MB. Default 64: see below what a small one does. */
  readonly stackMb?: number
  /** Called when the engine died by itself and has been started again (on disk) or not (in memory). */
  readonly onCrash?: (cause: Error) => void
}

export interface EmbeddedPostgres {
  readonly port: number
  /** For any Postgres client; one database, one role, both called postgres. */
  readonly url: string
  /** Rolls back what is open, disconnects all clients and closes the files. */
  close(): Promise<void>
}

/**
 * Room on the native stack. Postgres ends a runaway recursion by itself (max_stack_depth, an ordinary error), but measures
 * only the engine's own stack in WebAssembly memory: with Node's default of 4 MB the native one is used up first, which
 * leaves the engine unusable.
 */
const STACK_MB = 64

/**
 * Starts a Postgres inside this process: PGlite in a thread of its own behind a socket that speaks the Postgres
 * protocol, so that `pg` is the client here as everywhere.
 *
 * Many clients share the one backend. Statements take turns; a transaction has the engine for itself from BEGIN to its
 * end, which makes it serialisable. Prepared statements, settings and LISTEN are kept apart for each connection. Session
 * advisory locks and COPY FROM STDIN are refused; statement_timeout has no effect; temporary tables are common to all.
 *
 * A committed transaction survives the death of the process, not that of the machine: nothing is fsynced.
 *
 * @throws {DataDirInUseError} when another process has the folder open
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const dataDir = options.dataDir === undefined ? undefined : resolve(options.dataDir)
  const settings: ThreadSettings = {
    dataDir,
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    maxConnections: options.maxConnections ?? 100,
    transactionIdleMs: options.transactionIdleMs ?? 5_000,
    password: options.password,
    stackMb: options.stackMb ?? STACK_MB,
  }
  const unlock = dataDir === undefined ? () => {} : lockDataDir(dataDir)
  try {
    if (dataDir !== undefined) await createDatabase(dataDir, settings)
    const thread = await superviseThread(settings, options.onCrash ?? (() => {}))
    const login = options.password === undefined ? 'postgres' : `postgres:${encodeURIComponent(options.password)}`
    return {
      port: thread.port,
      url: `postgres://${login}@${settings.host}:${thread.port}/postgres`,
      async close() {
        await thread.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Creates the database beside its place and moves it there whole, so that a kill half way leaves nothing half made. */
async function createDatabase(dataDir: string, settings: ThreadSettings): Promise<void> {
  if (existsSync(join(dataDir, 'PG_VERSION'))) return
  const unfinished = `${dataDir}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  const { close } = await startThread({ ...settings, dataDir: unfinished, host: '127.0.0.1', port: 0 })
  await close()
  await rename(unfinished, dataDir)
}

interface Thread {
  readonly port: number
  /** Settles when the thread has ended: undefined when it was asked to, else why it died. */
  readonly ended: Promise<Error | undefined>
  close(): Promise<void>
}

/** Keeps a thread running: one that dies on its own is started again on the same port. */
async function superviseThread(
  settings: ThreadSettings,
  onCrash: (cause: Error) => void,
): Promise<Pick<Thread, 'port' | 'close'>> {
  let thread = await startThread(settings)
  let closing = false
  const { port } = thread

  async function watch(): Promise<void> {
    for (;;) {
      const cause = await thread.ended
      if (cause === undefined) return
      onCrash(cause)
      // In memory everything is lost with the thread: an empty database would be worse than none.
      if (closing || settings.dataDir === undefined) return
      thread = await startThread({ ...settings, port })
      if (closing) await thread.close()
    }
  }

  const watched = watch().catch(onCrash)
  return {
    port,
    async close() {
      closing = true
      await thread.close()
      // One that is being started again meanwhile is closed there.
      await watched
    },
  }
}

function startThread(settings: ThreadSettings): Promise<Thread> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: settings,
      execArgv: [],
      resourceLimits: { stackSizeMb: settings.stackMb },
    })
    let failure: Error | undefined
    worker.once('error', (error: Error) => {
      failure = error
    })
    const ended = new Promise<Error | undefined>((settle) => {
      worker.once('exit', () => {
        reject(failure ?? new Error('the embedded Postgres ended before it was ready'))
        settle(failure)
      })
    })
    worker.once('message', ({ port }: ThreadReady) => {
      async function close(): Promise<void> {
        worker.postMessage('close')
        await ended
      }
      resolve({ port, ended, close })
    })
  })
}
