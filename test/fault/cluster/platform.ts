/**
 * Tideline on the servers of a running cluster, each of which can be killed and started again: the origin in one process a
 * role, the three Workers in workerd.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dockerWay, hasDocker } from '../../../ops/cluster/docker.ts'
import { settingsFor } from '../../../ops/cluster/environment.ts'
import { PROFILES, type Profile } from '../../../ops/cluster/profiles.ts'
import { openCluster, placeFrom } from '../../../ops/cluster/state.ts'
import { nativeWay } from '../../../ops/native/index.ts'
import { makePeople, type Person } from '../../e2e/person.ts'
import { ownPlaces } from '../../setup/cluster-engines.ts'
import { type Edge, startEdge } from '../edge.ts'
import { type Servers, serversOf } from './servers.ts'
import { NO_ENGINES, type SplitOrigin, startSplitOrigin } from './split-origin.ts'
import { openStores, type StoreSettings, type Stores } from './stores.ts'

export interface Platform {
  readonly profile: Profile
  readonly edge: Edge
  readonly servers: Servers
  readonly origin: SplitOrigin
  readonly stores: Stores
  /** Before the names of Kafka's topics. */
  readonly topicPrefix: string
  people(prefix: string, count: number): Promise<Person[]>
  close(): Promise<void>
}

/** Which profile the cluster of this run has. */
export const profileOf = (env: NodeJS.ProcessEnv): Profile =>
  PROFILES.find((each) => each === env.FAULT_PROFILE) ?? 'small'

/** Of the roles behind the gateway: the servers of the large profile leave little of two cores. */
const NICENESS: Readonly<Record<Profile, number>> = { small: 0, cluster: 5 }

/** @param env names the cluster (CLUSTER_DIR and so on) and its profile (FAULT_PROFILE) */
export async function startPlatform(env: NodeJS.ProcessEnv): Promise<Platform> {
  const profile = profileOf(env)
  const cluster = openCluster(placeFrom(env), profile, 'seaweedfs')
  const way = hasDocker() ? dockerWay(cluster) : nativeWay(cluster)
  const place = await ownPlaces(settingsFor(cluster.servers, cluster.secrets))
  const stateDir = mkdtempSync(join(tmpdir(), 'tideline-fault-'))
  const shared = { STATE_DIR: stateDir, LOG_LEVEL: env.ORIGIN_LOG_LEVEL ?? 'fatal', ...place.env }
  const closers: (() => Promise<unknown>)[] = [
    place.remove,
    async () => rmSync(stateDir, { recursive: true, force: true }),
  ]
  const close = async () => {
    for (const one of closers.splice(0)) await one()
  }
  try {
    const origin = await startSplitOrigin(shared, NICENESS[profile])
    closers.unshift(() => origin.stop())
    const stores = openStores(place.env as StoreSettings)
    closers.unshift(() => stores.close())
    const ports = { PORT: String(origin.port), GATEWAY_PORT: String(origin.gatewayPort) }
    const edge = await startEdge({ ...NO_ENGINES, ...ports, ...shared })
    closers.unshift(() => edge.close())
    const address = { url: edge.originUrl, serviceToken: edge.config.secrets.SERVICE_TOKEN }
    return {
      profile,
      edge,
      servers: serversOf(cluster, way),
      origin,
      stores,
      topicPrefix: place.env.KAFKA_PREFIX ?? '',
      people: (prefix, count) => makePeople(address, edge.fetch, prefix, count),
      close,
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}
