/** What the tests of the gateway share: databases to stand in front of, and a server to stand in. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type NeonQueryFunction, neon, neonConfig } from '@neondatabase/serverless'
import pg from 'pg'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { freePort } from '../../embedded/free-port.ts'
import { startEmbeddedPostgres } from '../../embedded/postgres/index.ts'
import { createNeonGateway, type NeonGateway, type NeonGatewayLimits, promMetrics } from './index.ts'

export const credentials = { user: 'app', password: 'p@ss/word', database: 'main' }
export const DSN = `postgresql://app:${encodeURIComponent(credentials.password)}@ep-cool.example.com/main?sslmode=require`
export interface Target {
  url: string
  stop(): Promise<void>
}

export async function embeddedTarget(): Promise<Target> {
  const { url, close } = await startEmbeddedPostgres()
  return { url, stop: close }
}

/** A Postgres of the system, when there is one: the newest `initdb` in the usual folders. */
const BIN = globSync(['/usr/lib/postgresql/*/bin', '/usr/local/pgsql/bin', '/opt/homebrew/opt/postgresql*/bin'])
  .filter((folder) => existsSync(join(folder, 'initdb')))
  .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  .at(-1)
// Postgres refuses to run as root; runuser is there wherever Debian's packages are.
const AS_POSTGRES = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : []

type Run = (...command: string[]) => ChildProcess

/** Makes a database with the strictest way to sign in, which the gateway has to manage for its clients. */
async function initialise(folder: string, run: Run): Promise<string> {
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, 'target-secret', { mode: 0o644 })
  const initdb = run(
    join(BIN!, 'initdb'),
    ...['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync'],
  )
  await once(initdb, 'exit')
  return data
}

async function systemTarget(): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-neon-'))
  const run: Run = (...command) => {
    const [file, ...args] = [...AS_POSTGRES, ...command]
    return spawn(file!, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder })
  }
  if (AS_POSTGRES.length > 0) {
    const [id] = await once(spawn('id', ['-u', 'postgres']).stdout, 'data')
    chownSync(folder, Number(String(id)), 0)
  }
  const data = await initialise(folder, run)
  const port = await freePort()
  const server = run(
    join(BIN!, 'postgres'),
    ...['-D', data, '-p', String(port), '-k', folder, '-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1'],
  )
  const exited = once(server, 'exit')
  const url = `postgres://postgres:target-secret@127.0.0.1:${port}/postgres`
  await vi.waitFor(
    async () => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.end()
    },
    { timeout: 20_000, interval: 100 },
  )
  return {
    url,
    async stop() {
      // The server itself, not runuser before it; without a checkpoint, for its files go next.
      process.kill(Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10), 'SIGQUIT')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Served {
  gateway: NeonGateway
  origin: string
  registry: Registry
  /** WebSockets whose TCP connection is open. */
  readonly sockets: number
  stop(): Promise<void>
}

export async function serve(url: string, limits: Partial<NeonGatewayLimits> = {}): Promise<Served> {
  const registry = new Registry()
  const gateway = createNeonGateway({
    target: { url },
    credentials,
    limits,
    allowOrigin: '*',
    metrics: promMetrics(registry),
  })
  const server: Server = createServer((request, response) => {
    if (!gateway.handle(request, response)) response.writeHead(404).end()
  })
  const upgraded = new Set<Duplex>()
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    if (!gateway.handleUpgrade(request, socket, head)) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    gateway,
    registry,
    origin: `127.0.0.1:${port}`,
    get sockets() {
      return upgraded.size
    },
    async stop() {
      // A client that has said goodbye must not be told that the gateway shuts down.
      await vi.waitFor(() => expect(upgraded.size).toBe(0)).catch(() => {})
      server.close()
      server.closeAllConnections()
      await gateway.close()
    },
  }
}

/** Points the SDK, whose settings are global, at a gateway. */
export function pointAt({ origin }: Served): void {
  neonConfig.fetchEndpoint = () => `http://${origin}/sql`
  neonConfig.wsProxy = () => `${origin}/v2`
  neonConfig.useSecureWebSocket = false
  neonConfig.pipelineConnect = 'password'
}

export function post({ origin }: Served, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://${origin}/sql`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'neon-connection-string': DSN, 'neon-array-mode': 'true', 'neon-raw-text-output': 'true', ...headers },
  })
}

export interface Suite {
  /** The gateway with its default limits, in front of the suite's target. */
  readonly served: Served
  /** The SDK, which speaks to that gateway, or to the last that `strict` made. */
  readonly sql: NeonQueryFunction<false, false>
  /** Another gateway, with limits of its own, until the end of the test. */
  strict(limits: Partial<NeonGatewayLimits>): Promise<Served>
}

/** A gateway for all tests of the suite or file that calls this. Each of them begins with an empty table `notes`. */
export function gatewaySuite(start: () => Promise<Target>): Suite {
  let target: Target
  let served: Served
  const extra: Served[] = []
  const sql = neon(DSN)

  beforeAll(async () => {
    target = await start()
    served = await serve(target.url)
  })
  beforeEach(async () => {
    pointAt(served)
    await sql`DROP TABLE IF EXISTS notes`
    await sql`CREATE TABLE notes (id int PRIMARY KEY, body text)`
  })
  afterEach(async () => {
    await Promise.all(extra.splice(0).map((one) => one.stop()))
  })
  afterAll(async () => {
    await served.stop()
    await target.stop()
  })

  return {
    get served() {
      return served
    },
    sql,
    async strict(limits) {
      const one = await serve(target.url, limits)
      extra.push(one)
      pointAt(one)
      return one
    },
  }
}

/** Every engine the gateway is held to. */
export const targets: { name: string; start: (() => Promise<Target>) | undefined; interrupts: boolean }[] = [
  { name: 'the embedded Postgres', start: embeddedTarget, interrupts: false },
  { name: 'a Postgres of the system', start: BIN === undefined ? undefined : systemTarget, interrupts: true },
]
