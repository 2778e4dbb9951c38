/**
 * Brings a keyspace up to date. One process at a time, by a conditional row: two that changed the schema at once through
 * two nodes could leave those nodes with different tables under one name.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, types } from 'cassandra-driver'
import { MIGRATIONS, type Migration } from './migrations.ts'
import type { CassandraSettings } from './settings.ts'

/** The lock's row in the ledger; steps are named otherwise. */
const LOCK = 'lock'
/** The one TTL of this keyspace, and on purpose: the lock of a process that died must go by itself. */
const LOCK_SECONDS = 60
const LOOK_AGAIN_MS = 500
const PATIENCE_MS = 120_000
/** A fixed id makes it the same table even when two nodes create it at once, before there is any lock. */
const LEDGER_ID = '6f1d7e7a-3a53-4e0e-9c1b-9d9b1f0e5a01'

type Target = Pick<CassandraSettings, 'keyspace' | 'replication'>

/**
 * @param client without a keyspace, since there may be none yet
 * @param migrations in order
 * @throws Error when another process holds the lock for minutes
 */
export async function migrateKeyspace(
  client: Client,
  { keyspace, replication }: Target,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const copies = Object.entries(replication).map(([datacenter, factor]) => `'${datacenter}': ${factor}`)
  await client.execute(
    `CREATE KEYSPACE IF NOT EXISTS ${keyspace}
     WITH replication = {'class': 'NetworkTopologyStrategy', ${copies.join(', ')}}`,
    [],
    PATIENT,
  )
  const ledger = `${keyspace}.schema_migrations`
  await client.execute(
    `CREATE TABLE IF NOT EXISTS ${ledger} (name text PRIMARY KEY, holder uuid, applied_at timestamp)
     WITH ID = ${LEDGER_ID.replace(/.{8}$/, idSuffix(keyspace))}`,
    [],
    PATIENT,
  )
  if ((await pending(client, ledger, migrations)).length === 0) return
  await whileLocked(client, ledger, async (stillHeld) => {
    for (const { name, statements } of await pending(client, ledger, migrations)) {
      for (const statement of statements) {
        await stillHeld()
        await client.execute(qualify(statement, keyspace), [], PATIENT)
      }
      await client.execute(`INSERT INTO ${ledger} (name, applied_at) VALUES (?, toTimestamp(now()))`, [name], STRICT)
    }
  })
}

/** A change of the schema waits for every node. */
const PATIENT = { readTimeout: 30_000 }
const STRICT = { prepare: true, consistency: types.consistencies.localQuorum }

/** Ids of tables are unique in a cluster, and a cluster may have several keyspaces of ours. */
function idSuffix(keyspace: string): string {
  let hash = 0x811c_9dc5
  for (const character of keyspace) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x0100_0193) >>> 0
  return hash.toString(16).padStart(8, '0')
}

const qualify = (statement: string, keyspace: string) =>
  statement.replace(/(TABLE (?:IF NOT EXISTS )?)(\w+)/, `$1${keyspace}.$2`)

async function pending(client: Client, ledger: string, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.execute(`SELECT name FROM ${ledger}`, [], STRICT)
  const applied = new Set(rows.map((row) => row.name as string))
  return migrations.filter(({ name }) => !applied.has(name))
}

async function whileLocked(client: Client, ledger: string, work: (stillHeld: () => Promise<void>) => Promise<void>) {
  const holder = types.Uuid.random()
  const decide = async (statement: string, params: unknown[]): Promise<boolean> => {
    const { rows } = await client.execute(statement, params, STRICT)
    return rows[0]?.['[applied]'] === true
  }
  const take = `INSERT INTO ${ledger} (name, holder) VALUES (?, ?) IF NOT EXISTS USING TTL ${LOCK_SECONDS}`
  const deadline = performance.now() + PATIENCE_MS
  while (!(await decide(take, [LOCK, holder]))) {
    if (performance.now() > deadline) throw new Error('another process has been migrating Cassandra for minutes')
    await delay(LOOK_AGAIN_MS)
  }
  const renew = `UPDATE ${ledger} USING TTL ${LOCK_SECONDS} SET holder = ? WHERE name = ? IF holder = ?`
  try {
    await work(async () => {
      if (!(await decide(renew, [holder, LOCK, holder]))) throw new Error('the lock on the schema was lost')
    })
  } finally {
    await decide(`DELETE FROM ${ledger} WHERE name = ? IF holder = ?`, [LOCK, holder])
  }
}
