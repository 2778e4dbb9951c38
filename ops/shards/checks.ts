/** What has to hold before a move begins. Each failure is a sentence that says what to do. */
import type { OwnedRange, ShardRange } from '#core/shard-map.ts'
import { type NamedDatabase, rangeName, single } from './databases.ts'

/** Row filters of publications came with 15. */
const OLDEST_VERSION = 150_000

/** One for the subscription, and one for each table that is being copied: two at a time by default. */
const SLOTS_NEEDED = 3

/** The database that owns the whole range. @throws Error when it is in several */
export function ownerOfRange(map: readonly OwnedRange[], range: ShardRange): { database: number; epoch: number } {
  const pieces = map.filter(({ first, last }) => first <= range.last && last >= range.first)
  const [database, ...others] = new Set(pieces.map((piece) => piece.database))
  if (database === undefined || others.length > 0) {
    throw new Error(`Shards ${rangeName(range)} are in several databases. Move the parts one after the other.`)
  }
  return { database, epoch: Math.max(...pieces.map(({ epoch }) => epoch ?? 1)) }
}

export async function checkServers(source: NamedDatabase, target: NamedDatabase): Promise<void> {
  for (const { name, client } of [source, target]) {
    const version = await single<number>(client, `SELECT current_setting('server_version_num')::int`)
    if ((version ?? 0) < OLDEST_VERSION) throw new Error(`${name} is older than Postgres 15.`)
  }
  await checkSource(source)
  await checkTarget(target)
  const ledger = 'SELECT string_agg(hash, $1 ORDER BY created_at) FROM drizzle.__drizzle_migrations'
  const [here, there] = [await single(source.client, ledger, [',']), await single(target.client, ledger, [','])]
  if (here !== there) throw new Error(`${source.name} and ${target.name} have different schemas: npm run migrate.`)
}

async function checkSource({ name, client }: NamedDatabase): Promise<void> {
  const level = await single<string>(client, `SELECT current_setting('wal_level')`)
  if (level !== 'logical') {
    throw new Error(
      `${name} has wal_level = ${level}. Set it to logical and start it anew: rows leave it by logical replication.`,
    )
  }
  const free = await single<number>(
    client,
    `SELECT least(current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),
                  current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication))::int`,
  )
  if ((free ?? 0) < SLOTS_NEEDED) {
    throw new Error(
      `${name} has ${free} replication slots or senders left; a move needs ${SLOTS_NEEDED} (max_replication_slots, max_wal_senders).`,
    )
  }
  const may = 'SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user'
  if (!(await single<boolean>(client, may))) throw new Error(`The user at ${name} needs the attribute REPLICATION.`)
}

async function checkTarget({ name, client }: NamedDatabase): Promise<void> {
  const isSuper = await single<boolean>(client, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')
  const mayCreate = `SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = 'pg_create_subscription'`
  if (!isSuper && !(await single<boolean>(client, mayCreate))) {
    throw new Error(`The user at ${name} needs the role pg_create_subscription.`)
  }
}
