/** Servers as processes of this machine, from the package registries, for Linux without Docker. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { firstOutput, lastLines, logFile, memoryOf, runningIn, startIn, stopIn } from '../cluster/process.ts'
import type { Server } from '../cluster/profiles.ts'
import { type Cluster, homeOf } from '../cluster/state.ts'
import { type Kind, TITLES, VERSIONS } from '../cluster/versions.ts'
import type { Way } from '../cluster/way.ts'
import { cassandra } from './cassandra.ts'
import { elasticsearch } from './elasticsearch.ts'
import type { NativeEngine } from './engine.ts'
import { kafka } from './kafka.ts'
import { minio } from './minio.ts'
import { movePostgres, postgres, shelter } from './postgres.ts'
import { seaweedfs } from './seaweedfs.ts'
import { valkey } from './valkey.ts'

export const ENGINES: Readonly<Record<Kind, NativeEngine>> = Object.freeze({
  kafka,
  cassandra,
  elasticsearch,
  valkey,
  postgres,
  seaweedfs,
  minio,
})

/** A server that has not ended by then is killed: SeaweedFS takes seventeen seconds to say goodbye to itself. */
const STOP_PATIENCE_MS = 30_000

/** @throws Error on a system whose processes this cannot tell apart */
export function nativeWay(cluster: Cluster): Way {
  if (process.platform !== 'linux') {
    throw new Error('Without Docker the servers run on Linux only. Install Docker with its compose plugin.')
  }
  const home = (server: Server) => homeOf(cluster, server)
  return {
    async install([server], tell) {
      if (server === undefined) return
      await installOnce(ENGINES[server.kind], cluster.downloads, (text) => tell(server, text))
    },
    async start(server, tell) {
      if (runningIn(home(server)) !== null) return false
      await refuseTakenPorts(server)
      tell(server, `starting ${TITLES[server.kind]} ${VERSIONS[server.kind]}`)
      mkdirSync(home(server), { recursive: true })
      const software = join(cluster.downloads, ENGINES[server.kind].folder)
      const launch = await ENGINES[server.kind].launch({ server, cluster, software, home: home(server) })
      await startIn(home(server), launch)
      return true
    },
    stop: (server, signal) =>
      stopIn(home(server), signal ?? ENGINES[server.kind].stopSignal ?? 'SIGTERM', STOP_PATIENCE_MS),
    async finish() {},
    async process(server) {
      const run = runningIn(home(server))
      return run === null ? null : { pid: run.pid, memoryBytes: memoryOf(run.pid) }
    },
    firstOutput: async (server) => firstOutput(home(server)),
    lastLines: async (server, count) => lastLines(home(server), count),
    async showLog(server, { lines, follow }) {
      const file = logFile(home(server))
      if (!existsSync(file)) throw new Error(`${server.name} has no log yet: it was never started.`)
      const tail = spawn('tail', ['-n', String(lines), ...(follow ? ['-F'] : []), file], { stdio: 'inherit' })
      await new Promise((resolve) => tail.once('close', resolve))
    },
    moveData: async (from, to) => movePostgres(home(from), home(to)),
    async wipe(servers) {
      for (const server of servers) {
        for (const folder of [home(server), shelter(home(server))]) rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

/** Installs beside and renames at the end: an interrupted one leaves nothing that looks whole. */
async function installOnce(engine: NativeEngine, downloads: string, tell: (text: string) => void): Promise<void> {
  const folder = join(downloads, engine.folder)
  if (existsSync(folder)) return
  const partial = `${folder}.partial-${process.pid}`
  mkdirSync(partial, { recursive: true })
  const began = performance.now()
  tell(`fetching (${engine.source})`)
  try {
    await engine.install(partial)
    // Another `up` that shares the downloads may have been quicker.
    if (!existsSync(folder)) renameSync(partial, folder)
    tell(`fetched in ${((performance.now() - began) / 1_000).toFixed(1)} s`)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

async function refuseTakenPorts(server: Server): Promise<void> {
  for (const port of [server.port, ...Object.values(server.inner)]) {
    const isFree = await new Promise((resolve) => {
      const attempt = createServer().once('error', () => resolve(false))
      attempt.listen(port, '127.0.0.1', () => attempt.close(() => resolve(true)))
    })
    if (!isFree) throw new Error(`Port ${port}, which ${server.name} needs, is in use by another process.`)
  }
}
