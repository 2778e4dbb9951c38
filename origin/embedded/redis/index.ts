/**
 * Tideline's embedded Redis: a RESP2 server inside the process, on a loopback socket, so that ioredis is the client whether Redis is embedded, a
 * single server or a cluster.
 *
 * It answers like Redis 7.0 (`differential.test.ts` compares it with a real server, command by command): strings, counters, bits, bit fields,
 * hashes, sets, sorted sets, lists, streams (without groups and waiting), HyperLogLog (a sketch format of its own), expiry, transactions with WATCH,
 * pub/sub, scripts in Lua, snapshots. One thread runs all commands, one after the other, like the real one.
 *
 * It differs in these points: RESP2 only; no blocking commands, no ACL, no cluster, no replication, no eviction; `OBJECT ENCODING` is a guess; SCAN
 * visits in another order; scripts run in fengari with Lua 5.1's numbers, without cmsgpack and struct, and stop after five seconds; a crash loses
 * what came after the last snapshot, which `lostSince` tells, and INFO shows a new run_id after each start.
 *
 * One file per data type under commands/; `commands/index.ts` lists them all.
 */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { Clock, Random } from '#core/ids.ts'
import type { Engine } from './command.ts'
import { Connection } from './connection.ts'
import { createEngine } from './engine.ts'
import { Persistence } from './persistence.ts'

export interface EmbeddedRedisOptions {
  /** Where to listen; loopback unless said otherwise (there is no password). */
  readonly host?: string
  /** 0 or nothing: any free port. */
  readonly port?: number
  /** Where snapshots go and are read from at the start; none: memory only. Its directory must exist. */
  readonly snapshotFile?: string
  /** Seconds between snapshots; 0: only on close and on request. */
  readonly snapshotEverySeconds?: number
  readonly clock?: Clock
  readonly random?: Random
  /** Told about snapshots that fail and about defects inside commands. */
  readonly log?: (message: string) => void
}

export interface EmbeddedRedis {
  readonly host: string
  readonly port: number
  /** `redis://host:port`. */
  readonly url: string
  /** Fresh at every start; INFO shows it as run_id. */
  readonly runId: string
  /**
   * Unix milliseconds from which on writes are missing, since the process before was killed; null when it ended by
   * itself. What was derived from other data and must be whole is then to be forgotten and derived again.
   */
  readonly lostSince: number | null
  /** Writes a snapshot and resolves when it is on disk; resolves at once without a file. */
  snapshot(): Promise<void>
  /** Writes the last snapshot, closes all connections and frees the port. */
  close(): Promise<void>
}

const EXPIRY_EVERY_MS = 100
const DEFAULT_SNAPSHOT_SECONDS = 60

/** Starts the server. Rejects if the port is taken. */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const host = options.host ?? '127.0.0.1'
  const log = options.log ?? ((message: string) => console.error(message))
  const runId = randomBytes(20).toString('hex')
  let port = options.port ?? 0
  const persistence = new Persistence(options.snapshotFile, log)
  const { engine, surroundings } = createEngine({
    clock: options.clock ?? Date.now,
    random: options.random ?? Math.random,
    runId,
    port: () => port,
    saveNow: () => persistence.saveNow(),
    saveSoon: () => persistence.saveSoon(),
    onFault: (error) => log(`redis: ${error instanceof Error ? error.stack : String(error)}`),
  })
  await persistence.attach(engine, surroundings)
  const server = accept(engine)
  port = await listen(server, host, port)
  const stopTimers = startTimers(engine, options.snapshotFile, options.snapshotEverySeconds)
  let closing: Promise<void> | undefined
  return {
    host,
    port,
    url: `redis://${host}:${port}`,
    runId,
    lostSince: persistence.lostSince,
    snapshot: () => persistence.save(),
    close() {
      closing ??= shutDown(server, engine, persistence, stopTimers)
      return closing
    },
  }
}

function accept(engine: Engine): Server {
  let lastId = 0
  return createServer((socket) => {
    engine.stats.connections++
    engine.clients.add(new Connection(socket, engine, ++lastId))
  })
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Active expiry and regular snapshots; neither keeps the process alive. */
function startTimers(engine: Engine, file: string | undefined, seconds = DEFAULT_SNAPSHOT_SECONDS): () => void {
  const timers = [setInterval(() => engine.expire(), EXPIRY_EVERY_MS)]
  if (file !== undefined && seconds > 0) timers.push(setInterval(() => engine.saveSoon(), seconds * 1000))
  for (const timer of timers) timer.unref()
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}

async function shutDown(
  server: Server,
  engine: Engine,
  persistence: Persistence,
  stopTimers: () => void,
): Promise<void> {
  stopTimers()
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const client of engine.clients) (client as Connection).destroy()
  await closed
  await persistence.end()
}
