/** Positions in Postgres' write-ahead log. */
import type pg from 'pg'
import type { ReplicaPair } from './lag.ts'

/** A server that takes longer is not one to read from. */
const TIMEOUT_MS = 1_000

interface Identity {
  system: string
  name: string
}

const IDENTITY = '(SELECT system_identifier FROM pg_control_system()) AS system, current_database() AS name'

export function postgresPair(primary: pg.Pool, replica: pg.Pool): ReplicaPair {
  let known: Identity | null = null
  const ask = async <T>(pool: pg.Pool, text: string, values: string[] = []): Promise<T> => {
    const query = { text, values, query_timeout: TIMEOUT_MS }
    const { rows } = await pool.query<Record<string, unknown>>(query)
    return rows[0] as T
  }
  return {
    async written() {
      // What is written but not flushed has not been acknowledged to anybody, and is not sent to replicas.
      const text = `SELECT pg_current_wal_flush_lsn() AS position, ${IDENTITY}`
      const { position, ...identity } = await ask<Identity & { position: string }>(primary, text)
      known = identity
      return position
    },
    async shows(position) {
      const text = `SELECT pg_is_in_recovery() AS follows, pg_last_wal_replay_lsn() >= $1::pg_lsn AS shows, ${IDENTITY}`
      const row = await ask<Identity & { follows: boolean; shows: boolean | null }>(replica, text, [position])
      if (!row.follows) throw new Error('it follows no primary: it may have been promoted')
      if (known !== null && (row.system !== known.system || row.name !== known.name)) {
        throw new Error('it is the replica of another database: DATABASE_REPLICA_URLS has the order of DATABASE_URLS')
      }
      return row.shows === true
    },
  }
}
