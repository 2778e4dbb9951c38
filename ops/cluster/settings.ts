/**
 * What makes an acknowledged write durable, and the few settings that matter beside it, for every server and both ways: the
 * native way renders them, ops/compose.yaml repeats them and a test compares.
 */
import type { Server } from './profiles.ts'

/** Sixteen bytes in base64url; it names the cluster and is no secret. */
export const KAFKA_CLUSTER_ID = Buffer.from('TidelineCluster1').toString('base64url')

/** Settings of a broker that depend on how many there are, but not on where they listen. */
export function kafkaDurability(brokers: number): Record<string, string> {
  const copies = String(Math.min(brokers, 3))
  // Of three, two must have a message before it is acknowledged: one may die without a loss and without a halt.
  const inSync = brokers >= 3 ? '2' : '1'
  return {
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'unclean.leader.election.enable': 'false',
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    // Topics are declared (partitions, retention, dead letters); a typo must not make one.
    'auto.create.topics.enable': 'false',
    // How long a topic keeps its messages is the declaration's to say.
    'log.retention.ms': '-1',
    // A broker that was killed is let in again once its old session is over: nine seconds by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '400',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.num.partitions': '4',
  }
}

/**
 * Cassandra's default, periodic, answers first and syncs every ten seconds: a kill -9 was measured to lose hundreds of
 * acknowledged writes. In batch mode an answer waits for the disk.
 */
export const CASSANDRA_DURABILITY = { commitlog_sync: 'batch', commitlog_sync_period: '0ms' } as const

/** The name drivers must give as their local data center. */
export const CASSANDRA_DATACENTER = 'datacenter1'

/**
 * An append-only file, handed to the kernel before each answer and synced to the disk once a second: the death of the
 * process loses nothing, a power cut at most a second. `always` would cost a sync per pipeline, for data that is
 * derived from Postgres and rebuilt. noeviction: sets that must not vanish live beside timelines.
 */
export const VALKEY_SETTINGS = {
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '',
  'maxmemory-policy': 'noeviction',
} as const

export const VALKEY_CLUSTER_SETTINGS = {
  'cluster-enabled': 'yes',
  'cluster-config-file': 'nodes.conf',
  // A master that is silent for so long is replaced. Two seconds would do on a quiet machine; a laptop may stall.
  'cluster-node-timeout': '3000',
  // While one master's replica takes over, the slots of the others go on answering.
  'cluster-require-full-coverage': 'no',
} as const

/**
 * wal_level logical: a range of shards moves between databases while it is written to. The rest are the defaults of a
 * machine that Postgres shares with five other servers. fsync and synchronous_commit stay on, as they are by default.
 */
export const POSTGRES_SETTINGS = {
  wal_level: 'logical',
  max_wal_senders: '10',
  max_replication_slots: '10',
  max_connections: '200',
  shared_buffers: '128MB',
} as const

/** Sorting and folding by code point, the same on every system and in every version of the C library. */
export const POSTGRES_INITDB_ARGS = [
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
] as const

export const POSTGRES_USER = 'tideline'
export const POSTGRES_DATABASE = 'tideline'

/** Its name in pg_stat_replication and in synchronous_standby_names, and that of its slot. */
export const standbyName = (server: Server) => server.name.replaceAll('-', '_')

export const ELASTICSEARCH_SETTINGS = {
  'discovery.type': 'single-node',
  // A laptop's disk is often fuller than the 85 % at which Elasticsearch stops placing shards.
  'cluster.routing.allocation.disk.threshold_enabled': 'false',
} as const

export const S3_REGION = 'us-east-1'
export const S3_BUCKET = 'tideline-media'
