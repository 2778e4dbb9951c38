/** What the Cassandra engine is told from outside. */
import { z } from 'zod'
import { type Certificates, certificatesOf, pemFile } from '../../tls.ts'

const READ_WRITE_CONSISTENCIES = ['LOCAL_ONE', 'ONE', 'LOCAL_QUORUM', 'QUORUM'] as const
const SERIAL_CONSISTENCIES = ['LOCAL_SERIAL', 'SERIAL'] as const

export interface CassandraSettings {
  /** `host` or `host:port`; the others of the cluster are found from there. */
  contactPoints: readonly string[]
  /** The one that this process is near to: no other is asked. */
  datacenter: string
  keyspace: string
  /** Copies by datacenter, for a keyspace that does not exist yet. */
  replication: Readonly<Record<string, number>>
  credentials: { username: string; password: string } | null
  /** Null: without TLS. `serverName`: what the nodes' certificates say, when that is not the address by which they are reached. */
  tls: (Certificates & { serverName?: string }) | null
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
 * Rows of a partition, counted as they are written, those that were taken back included: some 50 bytes a like or share, some
 * 300 a comment. So a full partition has a few MB, far below the 100 MB at which Cassandra warns, is counted in a fraction
 * of a second, and stays below the 100,000 tombstones at which a read is refused, even when every like of it was taken
 * back and each of many processes has not noted its last ones yet.
 */
export const BUCKET_ROWS: Readonly<BucketRows> = Object.freeze({ likes: 50_000, comments: 20_000, shares: 50_000 })

const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:]+\](:\d{1,5})?$/i
const DATACENTER = /^[\w.-]{1,64}$/
const parts = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
const rows = (fallback: number) => z.coerce.number().int().min(2).max(1_000_000).default(fallback)

/** Its part of the origin's settings. Without contact points, engagement is in Postgres. */
export const cassandraEnvironment = {
  /** Absent: tables in Postgres. */
  CASSANDRA_CONTACT_POINTS: z
    .string()
    .transform(parts)
    .pipe(z.array(z.string().regex(HOST, 'must be host or host:port')).min(1))
    .optional(),
  CASSANDRA_DATACENTER: z.string().regex(DATACENTER).default('datacenter1'),
  CASSANDRA_KEYSPACE: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,47}$/, 'must be up to 48 small letters, digits and _')
    .default('tideline'),
  /** `datacenter:copies, …`, for a keyspace that does not exist yet; three in production. */
  CASSANDRA_REPLICATION: z
    .string()
    .transform(parts)
    .pipe(z.array(z.string().regex(/^[\w.-]{1,64}:[1-9]$/, 'must be datacenter:copies')).min(1))
    .optional(),
  CASSANDRA_USERNAME: z.string().optional(),
  CASSANDRA_PASSWORD: z.string().optional(),
  CASSANDRA_TLS: z.enum(['on', 'off']).default('off'),
  /** Absent: the address of each node, as the nodes tell it to one another, which seldom stands in a certificate. */
  CASSANDRA_TLS_SERVER_NAME: z
    .string()
    .regex(/^[\w.-]{1,253}$/, 'must be a name')
    .optional(),
  /** PEM: the authority behind the nodes' certificates where Node does not know it, and one's own certificate with its key. */
  CASSANDRA_CA_FILE: pemFile.optional(),
  CASSANDRA_CERT_FILE: pemFile.optional(),
  CASSANDRA_KEY_FILE: pemFile.optional(),
  CASSANDRA_READ_CONSISTENCY: z.enum(READ_WRITE_CONSISTENCIES).default('LOCAL_ONE'),
  CASSANDRA_WRITE_CONSISTENCY: z.enum(READ_WRITE_CONSISTENCIES).default('LOCAL_QUORUM'),
  CASSANDRA_SERIAL_CONSISTENCY: z.enum(SERIAL_CONSISTENCIES).default('LOCAL_SERIAL'),
  CASSANDRA_LIKES_PER_BUCKET: rows(BUCKET_ROWS.likes),
  CASSANDRA_COMMENTS_PER_BUCKET: rows(BUCKET_ROWS.comments),
  CASSANDRA_SHARES_PER_BUCKET: rows(BUCKET_ROWS.shares),
}

type Environment = z.output<z.ZodObject<typeof cassandraEnvironment>>

/**
 * Null where no contact point is given.
 * @throws Error for settings that are right by themselves but not together
 */
export function cassandraSettings(env: Environment, production: boolean): CassandraSettings | null {
  const { CASSANDRA_CONTACT_POINTS: contactPoints, CASSANDRA_DATACENTER: datacenter } = env
  if (contactPoints === undefined) return null
  const { CASSANDRA_USERNAME: username, CASSANDRA_PASSWORD: password, CASSANDRA_REPLICATION: copies } = env
  if ((username === undefined) !== (password === undefined)) {
    throw new Error('CASSANDRA_USERNAME and CASSANDRA_PASSWORD belong together.')
  }
  if (production && copies === undefined) {
    throw new Error('CASSANDRA_REPLICATION must say how many copies to keep in production, for example datacenter1:3.')
  }
  const replication = Object.fromEntries(
    (copies ?? [`${datacenter}:1`]).map((part) => {
      const colon = part.lastIndexOf(':')
      return [part.slice(0, colon), Number(part.slice(colon + 1))]
    }),
  )
  if (replication[datacenter] === undefined) {
    throw new Error('CASSANDRA_REPLICATION must keep copies in CASSANDRA_DATACENTER, or nothing local can answer.')
  }
  return {
    ...{ contactPoints, datacenter, keyspace: env.CASSANDRA_KEYSPACE, replication, tls: tlsOf(env) },
    credentials: username === undefined || password === undefined ? null : { username, password },
    readConsistency: env.CASSANDRA_READ_CONSISTENCY,
    writeConsistency: env.CASSANDRA_WRITE_CONSISTENCY,
    serialConsistency: env.CASSANDRA_SERIAL_CONSISTENCY,
    bucketRows: {
      likes: env.CASSANDRA_LIKES_PER_BUCKET,
      comments: env.CASSANDRA_COMMENTS_PER_BUCKET,
      shares: env.CASSANDRA_SHARES_PER_BUCKET,
    },
  }
}

function tlsOf(env: Environment): CassandraSettings['tls'] {
  const { CASSANDRA_CA_FILE: ca, CASSANDRA_CERT_FILE: cert, CASSANDRA_KEY_FILE: key } = env
  const tls = certificatesOf('CASSANDRA', env.CASSANDRA_TLS === 'on', { ca, cert, key })
  const { CASSANDRA_TLS_SERVER_NAME: serverName } = env
  return tls === null || serverName === undefined ? tls : { ...tls, serverName }
}
