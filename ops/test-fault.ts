/**
 * `npm run test:fault`: what is lost when a process dies. First on embedded engines, as in npm test; then every server of a
 * profile and the origin are killed in turn under a load of writes. Stops what it started, however it ends, and says at last:
 * `N passed, N failed`, and `N skipped` where something is not on this machine, as redis-server, without which overload is not shown.
 */
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerWay, hasDocker } from './cluster/docker.ts'
import { PROFILES } from './cluster/profiles.ts'
import { testPlace, testSession } from './cluster/session.ts'
import { openCluster } from './cluster/state.ts'
import { faultReport, tableOfReads } from './fault-report.ts'
import { nativeWay } from './native/index.ts'
import { say } from './terminal.ts'
import { type Run, runVitest, sayFailures } from './vitest-run.ts'

/** Beside a cluster that is up, and beside that of npm run test:cluster. */
const FAULT_PORT_OFFSET = 20_000

const USAGE = `npm run test:fault -- [--full | --profile small|cluster] [--servers | --only WORD] [--rounds N]

--full is --profile cluster, and overload with all posts in the isolate, too. --servers: without the faults on embedded engines,
which are part of npm test; overload is tried, then every server and role is killed. --only: of these those alone whose title has
the word, or matches it as a pattern, and no overload. --rounds: each of them so often.`

function commandLine() {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      profile: { type: 'string' },
      servers: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string', default: '1' },
    },
  })
  const name = values.profile ?? (values.full ? 'cluster' : 'small')
  const profile = PROFILES.find((each) => each === name)
  if (profile === undefined || !/^[1-9]\d?$/.test(values.rounds)) throw new Error(USAGE)
  const { only, rounds } = values
  return { profile, only, rounds, isServersOnly: values.servers || only !== undefined }
}

const NOTHING: Run = { passed: 0, failed: 0, skipped: [], failures: [] }
const failing = (reason: string): Run => ({ ...NOTHING, failed: 1, failures: [reason] })

const sum = (...runs: readonly Run[]): Run => ({
  passed: runs.reduce((all, { passed }) => all + passed, 0),
  failed: runs.reduce((all, { failed }) => all + failed, 0),
  skipped: runs.flatMap(({ skipped }) => skipped),
  failures: runs.flatMap(({ failures }) => failures),
})

const unexpected = ({ skipped }: Run) => skipped.map((name) => `skipped, where nothing may be: ${name}`)

/** What readers were served, as the suite wrote it down. */
function sayReads(file: string): void {
  if (!existsSync(file)) return
  const { rows, calm } = faultReport.parse(JSON.parse(readFileSync(file, 'utf8')))
  say(`\nFeeds opened while servers died (also in ${file}):\n${tableOfReads(rows, calm)}`)
}

/** Runs suites one after the other, until somebody interrupts. */
function createSuites(servers: { down(): Promise<unknown> }) {
  let running: ChildProcess | null = null
  let isInterrupted = false
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  function interrupt() {
    if (isInterrupted) return
    isInterrupted = true
    say('\nStopping …')
    // While suites run, one of them may be starting a server that it killed: servers stop after them.
    if (running === null) void servers.down()
    else running.kill('SIGINT')
  }
  return {
    isInterrupted: () => isInterrupted,
    async vitest(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
      const onStart = (child: ChildProcess) => {
        running = child
      }
      return runVitest(args, { env, onStart }).finally(() => {
        running = null
      })
    },
  }
}

/** Here nothing is skipped for want of anything, and something is tried. */
function strictly(real: Run): Run {
  const skipped = { ...NOTHING, failed: real.skipped.length, failures: unexpected(real) }
  const isEmpty = real.passed + real.failed === 0
  return sum({ ...real, skipped: [] }, skipped, ...(isEmpty ? [failing('no fault was tried')] : []))
}

async function run({ profile, only, rounds, isServersOnly }: ReturnType<typeof commandLine>): Promise<Run> {
  const isDocker = hasDocker()
  const place = testPlace(isDocker, 'test-fault', FAULT_PORT_OFFSET)
  const cluster = openCluster(place, profile, 'seaweedfs')
  const reportFile = join(cluster.folder, profile, 'reads.json')
  const servers = testSession(cluster, isDocker ? dockerWay(cluster) : nativeWay(cluster), !isDocker)
  const { vitest, isInterrupted } = createSuites(servers)
  const began = performance.now()
  const seconds = () => `${Math.round((performance.now() - began) / 1_000)} s`
  try {
    const embedded = isServersOnly ? NOTHING : await vitest(['--project=e2e', 'test/fault'])
    const overload =
      only !== undefined || isInterrupted() ? NOTHING : await vitest(['--project=overload'], { FAULT_PROFILE: profile })
    if (isInterrupted()) return sum(embedded, overload, failing('interrupted'))
    say(`\nProfile ${profile}, ${isDocker ? 'by Docker Compose' : 'as native processes'}, in ${cluster.folder}`)
    await servers.up()
    say(`Up after ${seconds()}.`)
    const env = {
      CLUSTER_DIR: place.folder,
      CLUSTER_DOWNLOADS: place.downloads,
      CLUSTER_PORT_OFFSET: String(place.portOffset),
      FAULT_PROFILE: profile,
      FAULT_ROUNDS: rounds,
      FAULT_REPORT: reportFile,
      ...(only === undefined ? {} : { FAULT_ONLY: only }),
      // A line for each batch of a queue hides what is told of a fault.
      WRANGLER_LOG: 'error',
    }
    rmSync(reportFile, { force: true })
    const real = await vitest(['--project=fault'], env)
    sayReads(reportFile)
    return sum(embedded, overload, strictly(real), ...(isInterrupted() ? [failing('interrupted')] : []))
  } catch (error) {
    return failing(error instanceof Error ? error.message : String(error))
  } finally {
    await servers.down()
    say(`Down; ${seconds()} in all. Logs are in ${join(cluster.folder, profile)}`)
  }
}

try {
  const { passed, failed, skipped, failures } = await run(commandLine())
  sayFailures(failures)
  for (const name of skipped) say(`↓ ${name}`)
  const also = skipped.length === 0 ? '' : `, ${skipped.length} skipped for want of what is named`
  say(`${passed} passed, ${failed} failed${also}`)
  process.exit(failed === 0 ? 0 : 1)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
