/** What each kind of statement is sent with: how many copies must agree, how long it may take, whether it may be repeated. */
import { policies, type QueryOptions, types } from 'cassandra-driver'
import type { CassandraSettings } from './settings.ts'

const AGGREGATE_TIMEOUT_MS = 30_000
/** Rows of one page on the wire. */
const FETCH_SIZE = 5_000

const LEVELS = {
  LOCAL_ONE: types.consistencies.localOne,
  ONE: types.consistencies.one,
  LOCAL_QUORUM: types.consistencies.localQuorum,
  QUORUM: types.consistencies.quorum,
  LOCAL_SERIAL: types.consistencies.localSerial,
  SERIAL: types.consistencies.serial,
}

/** What a session does, but ending. */
type Statement = 'list' | 'read' | 'scan' | 'aggregate' | 'readSerial' | 'write' | 'together' | 'decide' | 'ping'
type Consistencies = Pick<CassandraSettings, 'readConsistency' | 'writeConsistency' | 'serialConsistency'>

/** Only `list` may miss what was acknowledged: nobody keeps what it answers. */
export function statementOptions(settings: Consistencies): Record<Statement, QueryOptions> {
  const exact = { consistency: LEVELS[settings.writeConsistency], isIdempotent: true }
  const serial = LEVELS[settings.serialConsistency]
  return {
    list: { ...exact, consistency: LEVELS[settings.readConsistency] },
    read: exact,
    scan: { ...exact, fetchSize: FETCH_SIZE },
    aggregate: { ...exact, readTimeout: AGGREGATE_TIMEOUT_MS },
    readSerial: { ...exact, consistency: serial },
    write: exact,
    // One partition is one write anyway: a log of batches would only cost.
    together: { ...exact, logged: false },
    // Twice is not once: whoever asked finds out what became of it.
    decide: {
      ...exact,
      serialConsistency: serial,
      isIdempotent: false,
      retry: new policies.retry.FallthroughRetryPolicy(),
    },
    ping: { ...exact, consistency: LEVELS.LOCAL_ONE },
  }
}
