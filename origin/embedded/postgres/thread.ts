/**
 * The thread of the embedded Postgres. The engine computes in WebAssembly, synchronously: in a thread of its own a long
 * statement does not hold up the rest of the process.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { openEngine } from './engine.ts'
import { listen } from './server.ts'

/** What the thread is started with. */
export interface ThreadSettings {
  readonly dataDir: string | undefined
  readonly host: string
  readonly port: number
  readonly maxConnections: number
  readonly transactionIdleMs: number
  readonly password: string | undefined
  /** For whoever starts the thread. */
  readonly stackMb: number
}

/** What the thread says: once when it listens. It ends with code 0 after 'close', with an error when the engine dies. */
export interface ThreadReady {
  readonly port: number
}

const settings = workerData as ThreadSettings
const port = parentPort
if (port === null) throw new Error('this file runs as a worker thread only')

const engine = await openEngine(settings.dataDir)
const server = await listen({
  ...settings,
  engine,
  onDeath(cause) {
    throw new Error('the embedded Postgres engine has died', { cause })
  },
})
port.once('message', () => {
  void server.close().finally(() => port.close())
})
port.postMessage({ port: server.port } satisfies ThreadReady)
