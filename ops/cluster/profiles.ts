/** Which servers a profile has, where they listen, and how much memory they may take. Both ways start exactly these. */
import type { Kind } from './versions.ts'

export const PROFILES = ['small', 'cluster'] as const
export type Profile = (typeof PROFILES)[number]

export type ObjectServer = Extract<Kind, 'seaweedfs' | 'minio'>

export interface Server {
  /** Its name on the command line, in compose.yaml and in the state folder. */
  readonly name: string
  readonly kind: Kind
  /** Where clients reach it, on 127.0.0.1. */
  readonly port: number
  /** Ports that its parts need among themselves. */
  readonly inner: Readonly<Record<string, number>>
  /** The most it should take, in MiB: compose's limit; the heaps of the native way are chosen to stay below. */
  readonly memoryMb: number
  /** The primary that it streams from. */
  readonly follows?: string
}

/**
 * Every port is the server's usual one plus this: far from those that an installed server, or `npm start`, listens on, and
 * below 32768, where Linux begins to hand out ports for outgoing connections.
 */
export const PORT_OFFSET = 18_000
/** A second cluster, for tests, beside one that is up: `CLUSTER_PORT_OFFSET`. */
export const TEST_PORT_OFFSET = 22_000
const USUAL = {
  kafka: 9_092,
  cassandra: 9_042,
  cassandraStorage: 7_000,
  elasticsearch: 9_200,
  valkey: 6_379,
  postgres: 5_432,
  objects: 8_333,
}

/** Valkey's nodes speak to one another on a port of their own, ten thousand above by default: above 32768 here. */
const VALKEY_BUS = 100

const kafka = (name: string, index: number): Server => ({
  name,
  kind: 'kafka',
  port: USUAL.kafka + 2 * index,
  inner: { controller: USUAL.kafka + 2 * index + 1 },
  memoryMb: 1_024,
})

const valkey = (name: string, index: number, memoryMb: number): Server => ({
  name,
  kind: 'valkey',
  port: USUAL.valkey + index,
  inner: { bus: USUAL.valkey + VALKEY_BUS + index },
  memoryMb,
})

const postgres = (name: string, index: number, follows?: string): Server => ({
  name,
  kind: 'postgres',
  port: USUAL.postgres + index,
  inner: {},
  memoryMb: 768,
  ...(follows === undefined ? {} : { follows }),
})

const cassandra: Server = {
  name: 'cassandra',
  kind: 'cassandra',
  port: USUAL.cassandra,
  inner: { storage: USUAL.cassandraStorage },
  memoryMb: 1_536,
}

const elasticsearch: Server = {
  name: 'elasticsearch',
  kind: 'elasticsearch',
  port: USUAL.elasticsearch,
  inner: {},
  memoryMb: 1_792,
}

/** SeaweedFS is a master, a volume server, a filer and a gateway in one process, each with HTTP and gRPC. */
const SEAWEED_PARTS = ['master', 'volume', 'filer', 's3Grpc', 'masterGrpc', 'volumeGrpc', 'filerGrpc']

const objects = (kind: ObjectServer): Server => ({
  name: 's3',
  kind,
  port: USUAL.objects,
  inner:
    kind === 'minio' ? {} : Object.fromEntries(SEAWEED_PARTS.map((part, index) => [part, USUAL.objects + index + 1])),
  memoryMb: 512,
})

/** The servers of a profile, those that others follow before their followers. */
export function serversOf(
  profile: Profile,
  objectServer: ObjectServer = 'seaweedfs',
  portOffset = PORT_OFFSET,
): readonly Server[] {
  return onUsualPorts(profile, objectServer).map((server) => ({
    ...server,
    port: server.port + portOffset,
    inner: Object.fromEntries(Object.entries(server.inner).map(([part, port]) => [part, port + portOffset])),
  }))
}

function onUsualPorts(profile: Profile, objectServer: ObjectServer): readonly Server[] {
  const alike = [cassandra, elasticsearch, objects(objectServer)]
  if (profile === 'small') return [kafka('kafka', 0), valkey('valkey', 0, 512), postgres('postgres', 0), ...alike]
  return [
    ...[1, 2, 3].map((n) => kafka(`kafka-${n}`, n - 1)),
    ...[1, 2, 3, 4, 5, 6].map((n) => valkey(`valkey-${n}`, n - 1, 256)),
    postgres('postgres-1', 0),
    postgres('postgres-2', 2),
    postgres('postgres-1-replica', 1, 'postgres-1'),
    postgres('postgres-2-replica', 3, 'postgres-2'),
    ...alike,
  ]
}

/** @throws Error naming the servers that there are, when a name is not one of them (a kind stands for all of its kind) */
export function chosen(servers: readonly Server[], names: readonly string[]): readonly Server[] {
  const unknown = names.filter((name) => !servers.some((server) => server.name === name || server.kind === name))
  if (unknown.length > 0) {
    const known = servers.map((server) => server.name).join(', ')
    throw new Error(`There is no server "${unknown[0]}" in this profile. There are: ${known}.`)
  }
  if (names.length === 0) return servers
  return servers.filter((server) => names.includes(server.name) || names.includes(server.kind))
}

/** The six of a Valkey Cluster, or the one that is none. */
export const isClustered = (servers: readonly Server[]) =>
  servers.filter((server) => server.kind === 'valkey').length > 1
