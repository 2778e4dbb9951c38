/** The state folder of the cluster: what is up, and where each server keeps its data and its log. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { type ObjectServer, PORT_OFFSET, PROFILES, type Profile, type Server, serversOf } from './profiles.ts'
import { type ClusterSecrets, clusterSecrets } from './secrets.ts'

export const WAYS = ['docker', 'native'] as const

const choice = z.object({
  profile: z.enum(PROFILES),
  objects: z.enum(['seaweedfs', 'minio']),
  way: z.enum(WAYS),
  /** Names of the servers that were asked for: one of them that does not run has died. */
  asked: z.array(z.string()),
})
export type Choice = z.output<typeof choice>

/** Everything that the commands need to know of one cluster. */
export interface Cluster {
  readonly folder: string
  /** Installed servers, shared between clusters when CLUSTER_DOWNLOADS says so. */
  readonly downloads: string
  readonly profile: Profile
  readonly servers: readonly Server[]
  readonly secrets: ClusterSecrets
}

/** Where a cluster is on this machine. */
export interface Place {
  folder: string
  downloads: string
  /** Added to each server's usual port. */
  portOffset: number
}

/**
 * `CLUSTER_DIR` and `CLUSTER_DOWNLOADS` move the folders, `CLUSTER_PORT_OFFSET` the ports.
 * @throws Error for an offset that would bring ports among those of outgoing connections
 */
export function placeFrom(env: NodeJS.ProcessEnv): Place {
  const folder = resolve(env.CLUSTER_DIR || join(env.STATE_DIR || '.tideline', 'cluster'))
  const portOffset = Number(env.CLUSTER_PORT_OFFSET || PORT_OFFSET)
  if (!Number.isInteger(portOffset) || portOffset < 0 || portOffset > 23_000) {
    throw new Error('CLUSTER_PORT_OFFSET is a number from 0 to 23000: it is added to the usual ports.')
  }
  return { folder, downloads: resolve(env.CLUSTER_DOWNLOADS || join(folder, 'downloads')), portOffset }
}

export function openCluster(place: Place, profile: Profile, objects: ObjectServer): Cluster {
  const { folder, downloads, portOffset } = place
  const servers = serversOf(profile, objects, portOffset)
  return { folder, downloads, profile, servers, secrets: clusterSecrets(folder) }
}

/** Where a server's data, log and pid lie. Profiles do not share data: three brokers cannot read what one has written. */
export const homeOf = (cluster: Pick<Cluster, 'folder' | 'profile'>, server: Server) =>
  join(cluster.folder, cluster.profile, server.name)

export const environmentFile = (folder: string) => join(folder, 'environment.json')
const choiceFile = (folder: string) => join(folder, 'up.json')

/** What the last `up` started and no `down` has stopped; null: nothing. */
export function readChoice(folder: string): Choice | null {
  const file = choiceFile(folder)
  return existsSync(file) ? choice.parse(JSON.parse(readFileSync(file, 'utf8'))) : null
}

export function writeChoice(folder: string, value: Choice): void {
  writeJson(choiceFile(folder), value)
}

/** Writes the settings by which Tideline reaches the cluster. They hold passwords. */
export function writeEnvironment(folder: string, settings: Record<string, string>): void {
  writeJson(environmentFile(folder), settings)
}

/** @throws Error with a sentence when no cluster is up */
export function readEnvironment(folder: string): Record<string, string> {
  const file = environmentFile(folder)
  if (!existsSync(file)) throw new Error('The cluster is not up. Start it first: npm run cluster -- up')
  return z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(file, 'utf8')))
}

export function forgetChoice(folder: string): void {
  rmSync(choiceFile(folder), { force: true })
  rmSync(environmentFile(folder), { force: true })
}

function writeJson(file: string, value: unknown): void {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.tmp`, file)
}
