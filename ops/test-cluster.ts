/**
 * `npm run test:cluster`: the contract suites on the real servers, and the end-to-end suite through the three Workers on them. Brings
 * the servers up, stops those that it started however it ends, and says at last: `N passed, N failed`. What is
 * skipped here counts as failed: every engine is there. But for what starts servers of its own, with settings of its own: where
 * Docker is, nothing need be installed natively.
 */
import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerWay, hasDocker } from './cluster/docker.ts'
import { installAll } from './cluster/lifecycle.ts'
import { PROFILES, type Profile, TEST_PORT_OFFSET } from './cluster/profiles.ts'
import { testPlace, testSession } from './cluster/session.ts'
import { environmentFile, openCluster, writeEnvironment } from './cluster/state.ts'
import { testSettings } from './cluster/test-settings.ts'
import { nativeWay } from './native/index.ts'
import { say } from './terminal.ts'
import { type Run, runVitest, sayFailures } from './vitest-run.ts'

const USAGE = `npm run test:cluster -- [--profile small|cluster] [--s3 seaweedfs|minio] [--full] [--install] [FILE …]

--full is --profile cluster --s3 minio. --install: fetches the servers, runs nothing. FILE: only these of the suites.`

const SUITES = ['test/contract', 'test/e2e']
/** In the title of what is skipped, since there is no software to start. */
const NATIVE_ONLY = /CLUSTER_DOWNLOADS|POSTGRES_TEST_DOWNLOADS|is on the PATH/

function commandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: 'string' },
      s3: { type: 'string' },
      full: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
    },
  })
  const name = values.profile ?? (values.full ? 'cluster' : 'small')
  const profile = PROFILES.find((each) => each === name)
  const objects = values.s3 ?? (values.full ? 'minio' : 'seaweedfs')
  if (profile === undefined || (objects !== 'seaweedfs' && objects !== 'minio')) throw new Error(USAGE)
  return { profile, objects, files: positionals, isInstall: values.install } as const
}

/** Whoever has only so long for tests fetches before. */
async function install(profile: Profile, objects: 'seaweedfs' | 'minio'): Promise<void> {
  const isDocker = hasDocker()
  const cluster = openCluster(testPlace(isDocker, 'test-cluster', TEST_PORT_OFFSET), profile, objects)
  const way = isDocker ? dockerWay(cluster) : nativeWay(cluster)
  await installAll(way, cluster.servers, (server, text) => say(`  ${server.name}: ${text}`))
  say(isDocker ? 'Their images are here.' : `They are in ${cluster.downloads}`)
}

async function run(profile: Profile, objects: 'seaweedfs' | 'minio', files: readonly string[]): Promise<Run> {
  const isDocker = hasDocker()
  const cluster = openCluster(testPlace(isDocker, 'test-cluster', TEST_PORT_OFFSET), profile, objects)
  const way = isDocker ? dockerWay(cluster) : nativeWay(cluster)
  const servers = testSession(cluster, way, !isDocker)
  let running: ChildProcess | null = null
  let isInterrupted = false
  const interrupt = () => {
    if (isInterrupted) return
    isInterrupted = true
    say('\nStopping …')
    running?.kill('SIGINT')
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
      running = child
    }
    writeEnvironment(ownFolder, settings)
    const env = testSettings(settings, environmentFile(ownFolder), cluster.downloads)
    const suites = files.length > 0 ? files : SUITES
    const done = await runVitest(['--project=contract', '--project=e2e', ...suites], { env, onStart })
    if (!isInterrupted) return done
    return { ...done, failed: done.failed + 1, failures: [...done.failures, 'interrupted'] }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { passed: 0, failed: 1, skipped: [], failures: [isInterrupted ? 'interrupted' : reason] }
  } finally {
    await servers.down()
    rmSync(ownFolder, { recursive: true, force: true })
    if (!isInterrupted) say(`Down; ${seconds()} in all. Logs are in ${join(cluster.folder, profile)}`)
  }
}

try {
  const { profile, objects, files, isInstall } = commandLine()
  if (isInstall) {
    await install(profile, objects)
    process.exit(0)
  }
  const { passed, failed, skipped: left, failures } = await run(profile, objects, files)
  const isExcused = (name: string) => hasDocker() && NATIVE_ONLY.test(name)
  for (const name of left.filter(isExcused)) say(`↓ left out, for want of native software: ${name}`)
  const skipped = left.filter((name) => !isExcused(name))
  sayFailures([...failures, ...skipped.map((name) => `skipped, where nothing may be: ${name}`)])
  say(`${passed} passed, ${failed + skipped.length} failed`)
  process.exit(failed + skipped.length === 0 ? 0 : 1)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
