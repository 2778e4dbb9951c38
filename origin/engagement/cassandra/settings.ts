/** What the Cassandra engine is told from outside. Defaults are those of origin/config.ts. */
export const READ_WRITE_CONSISTENCIES = ['LOCAL_ONE', 'ONE', 'LOCAL_QUORUM', 'QUORUM'] as const
export const SERIAL_CONSISTENCIES = ['LOCAL_SERIAL', 'SERIAL'] as const

export interface CassandraSettings {
  /** `host` or `host:port`; the others of the cluster are found from there. */
  contactPoints: readonly string[]
  /** The one that this process is near to: no other is asked. */
  datacenter: string
  keyspace: string
  /** Copies by datacenter, for a keyspace that does not exist yet. */
  replication: Readonly<Record<string, number>>
  credentials: { username: string; password: string } | null
  tls: boolean
  /** Of pages and lists; what decides, or must be exact, reads at `writeConsistency`. */
  readConsistency: (typeof READ_WRITE_CONSISTENCIES)[number]
  writeConsistency: (typeof READ_WRITE_CONSISTENCIES)[number]
  serialConsistency: (typeof SERIAL_CONSISTENCIES)[number]
  /** Rows of a post's partition from which on the next bucket is begun. */
  bucketRows: BucketRows
}

export interface BucketRows {
  likes: number
  comments: number
  shares: number
}

/**
 * Rows of a partition: some 50 bytes a like or share, some 300 a comment. So a full partition has about 5 MB, far below
 * the 100 MB at which Cassandra warns, is counted in a fraction of a second, and stays below the 100,000 tombstones at
 * which a read is refused even when every like of it was taken back.
 */
export const BUCKET_ROWS: Readonly<BucketRows> = Object.freeze({ likes: 100_000, comments: 20_000, shares: 100_000 })
