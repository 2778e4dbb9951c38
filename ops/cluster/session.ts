/** The servers of one run of tests: in a folder and on ports of their own, up, and down again however the run ends. */
import { resolve } from 'node:path'
import { say } from '../terminal.ts'
import { settingsFor } from './environment.ts'
import { bringDown, bringUp, runningOf } from './lifecycle.ts'
import type { Server } from './profiles.ts'
import { type Cluster, type Place, placeFrom } from './state.ts'
import type { Tell, Way } from './way.ts'

/**
 * Native servers have a folder and ports of their own, so that a cluster that is up is not touched. Compose's have fixed ports:
 * there the suites run beside what is in them, under names of their own.
 * @param folder its name in the state folder, unless CLUSTER_DIR says otherwise
 * @param portOffset unless CLUSTER_PORT_OFFSET says otherwise
 */
export function testPlace(isDocker: boolean, folder: string, portOffset: number): Place {
  const usual = placeFrom(process.env)
  if (isDocker) return usual
  return placeFrom({
    CLUSTER_DIR: process.env.CLUSTER_DIR || resolve(process.env.STATE_DIR || '.tideline', folder),
    CLUSTER_DOWNLOADS: usual.downloads,
    CLUSTER_PORT_OFFSET: process.env.CLUSTER_PORT_OFFSET || String(portOffset),
  })
}

export interface Session {
  /** Answers the settings by which Tideline reaches the servers. @throws Error when one does not come up */
  up(): Promise<Record<string, string>>
  /** Stops those that this session started. */
  down(): Promise<void>
}

/** @param isOwn nobody else uses the cluster: it begins empty, and what an interrupted run left is ended */
export function testSession(cluster: Cluster, way: Way, isOwn: boolean): Session {
  const width = Math.max(...cluster.servers.map(({ name }) => name.length))
  const tell: Tell = (server, text) => say(`  ${server.name.padEnd(width)}  ${text}`)
  const ours: Server[] = []
  let isEnding = false
  let rising: Promise<unknown> = Promise.resolve()
  const watched: Way = {
    ...way,
    async start(server, told) {
      if (isEnding) throw new Error('It is being stopped.')
      const isStarted = await way.start(server, told)
      if (isStarted) ours.push(server)
      return isStarted
    },
  }
  // What nobody will read again need not be written: SeaweedFS takes its time over it.
  const stopOurs = async () => {
    await bringDown(way, ours.splice(0), tell, isOwn ? 'SIGKILL' : undefined)
  }
  return {
    async up() {
      if (isOwn) {
        // What an interrupted run left behind.
        await bringDown(way, await runningOf(way, cluster.servers), tell, 'SIGKILL')
        await way.wipe(cluster.servers)
      }
      rising = bringUp(cluster, watched, cluster.servers, tell)
      await rising
      return settingsFor(cluster.servers, cluster.secrets)
    },
    async down() {
      isEnding = true
      await stopOurs()
      // One may have been on its way up.
      await rising.catch(() => {})
      await stopOurs()
    },
  }
}
