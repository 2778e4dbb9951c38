/**
 * `npm run test:cluster`: the contract suites on the real servers, and the end-to-end suite through the three Workers on them. Brings
 * the servers up, stops those that it started however it ends, and says at last: `N passed, N failed`. What is
 * skipped here counts as failed: every engine is there.
 */
import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerWay, hasDocker } from './cluster/docker.ts'
import { settingsFor } from './cluster/environment.ts'
import { bringDown, bringUp, runningOf } from './cluster/lifecycle.ts'
import { PROFILES, type Profile, type Server, TEST_PORT_OFFSET } from './cluster/profiles.ts'
import { type Cluster, environmentFile, openCluster, type Place, placeFrom, writeEnvironment } from './cluster/state.ts'
import { testSettings } from './cluster/test-settings.ts'
import type { Tell, Way } from './cluster/way.ts'
import { nativeWay } from './native/index.ts'
import { say } from './terminal.ts'
import { runVitest, type Tally } from './vitest-run.ts'

const USAGE = `npm run test:cluster -- [--profile small|cluster] [--s3 seaweedfs|minio] [--full] [FILE …]

--full is --profile cluster --s3 minio. FILE: only these of the suites.`

const SUITES = ['test/contract', 'test/e2e']

function commandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: 'string' },
      s3: { type: 'string' },
      full: { type: 'boolean', default: false },
    },
  })
  const name = values.profile ?? (values.full ? 'cluster' : 'small')
  const profile = PROFILES.find((each) => each === name)
  const objects = values.s3 ?? (values.full ? 'minio' : 'seaweedfs')
  if (profile === undefined || (objects !== 'seaweedfs' && objects !== 'minio')) throw new Error(USAGE)
  return { profile, objects, files: positionals } as const
}

/**
 * Native servers have a folder and ports of their own, so that a cluster that is up is not touched. Compose's have fixed ports:
 * there the suites run beside what is in them, under names of their own.
 */
function placeOf(isDocker: boolean): Place {
  const usual = placeFrom(process.env)
  if (isDocker) return usual
  const folder = resolve(process.env.STATE_DIR || '.tideline', 'test-cluster')
  return placeFrom({
    CLUSTER_DIR: process.env.CLUSTER_DIR || folder,
    CLUSTER_DOWNLOADS: usual.downloads,
    CLUSTER_PORT_OFFSET: process.env.CLUSTER_PORT_OFFSET || String(TEST_PORT_OFFSET),
  })
}

/** The servers of one run: up, and down again whatever happens. */
function session(cluster: Cluster, way: Way, isOwn: boolean) {
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
  const stopOurs = async () => {
    await bringDown(way, ours.splice(0), tell)
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

async function run(profile: Profile, objects: 'seaweedfs' | 'minio', files: readonly string[]): Promise<Tally> {
  const isDocker = hasDocker()
  const cluster = openCluster(placeOf(isDocker), profile, objects)
  const way = isDocker ? dockerWay(cluster) : nativeWay(cluster)
  const servers = session(cluster, way, !isDocker)
  let suites: ChildProcess | null = null
  let isInterrupted = false
  const interrupt = () => {
    if (isInterrupted) return
    isInterrupted = true
    say('\nStopping …')
    suites?.kill('SIGINT')
    void servers.down()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  // Not the cluster's own: under Compose that may be somebody's who works on it.
  const ownFolder = join(cluster.folder, 'test')
  const began = performance.now()
  const seconds = () => `${Math.round((performance.now() - began) / 1_000)} s`
  say(`Profile ${profile}, ${isDocker ? 'by Docker Compose' : 'as native processes'}, in ${cluster.folder}`)
  try {
    const settings = await servers.up()
    say(`Up after ${seconds()}.`)
    const onStart = (child: ChildProcess) => {
      suites = child
    }
    writeEnvironment(ownFolder, settings)
    const env = testSettings(settings, environmentFile(ownFolder), cluster.downloads)
    const tally = await runVitest(['--project=contract', '--project=e2e', ...(files.length > 0 ? files : SUITES)], {
      env,
      onStart,
    })
    return isInterrupted ? { ...tally, failed: tally.failed + 1 } : tally
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    return { passed: 0, failed: 1, skipped: [] }
  } finally {
    await servers.down()
    rmSync(ownFolder, { recursive: true, force: true })
    if (!isInterrupted) say(`Down; ${seconds()} in all. Logs are in ${join(cluster.folder, profile)}`)
  }
}

try {
  const { profile, objects, files } = commandLine()
  const { passed, failed, skipped } = await run(profile, objects, files)
  for (const name of skipped) say(`✗ skipped, where nothing may be: ${name}`)
  say(`${passed} passed, ${failed + skipped.length} failed`)
  process.exit(failed + skipped.length === 0 ? 0 : 1)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
