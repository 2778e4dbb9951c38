/** The servers of ops/compose.yaml, where a Docker engine with its compose plugin is. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Server } from './profiles.ts'
import type { Cluster } from './state.ts'
import { runTool } from './tools.ts'
import type { Way } from './way.ts'

const COMPOSE_FILE = fileURLToPath(new URL('../compose.yaml', import.meta.url))

/** Whether `docker compose` is there and has an engine to speak to. */
export function hasDocker(): boolean {
  const succeeds = (args: string[]) => spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 }).status === 0
  return succeeds(['compose', 'version']) && succeeds(['info'])
}

/** The service of compose.yaml that is this server. */
export const serviceOf = (server: Server) => (server.kind === 'minio' ? 's3-minio' : server.name)

/** What stands before the verb. Each profile is a project of its own, and so has volumes of its own. */
export const composeArgs = (profile: string) => [
  'compose',
  '-f',
  COMPOSE_FILE,
  '-p',
  `tideline-${profile}`,
  '--profile',
  '*',
]

export function dockerWay(cluster: Cluster): Way {
  const base = composeArgs(cluster.profile)
  const env = { ...cluster.secrets }
  const compose = (...args: string[]) => runTool('docker', [...base, ...args], { env })
  const idOf = async (server: Server) => (await compose('ps', '-q', serviceOf(server))).trim().split('\n')[0] ?? ''
  return {
    async install(servers, tell) {
      for (const server of servers) {
        tell(server, server.kind === 'minio' ? 'building its image (minutes, the first time)' : 'fetching its image')
        await (server.kind === 'minio'
          ? compose('build', '--quiet', serviceOf(server))
          : compose('pull', '--quiet', '--policy', 'missing', serviceOf(server)))
      }
    },
    async start(server, tell) {
      if ((await idOf(server)) !== '') return false
      tell(server, 'starting its container')
      await compose('up', '-d', serviceOf(server))
      return true
    },
    async stop(server, signal) {
      if ((await idOf(server)) === '') return 'was not running'
      if (signal === undefined) await compose('stop', serviceOf(server))
      else await compose('kill', '-s', signal, serviceOf(server))
      return signal === undefined ? 'stopped' : 'killed'
    },
    // Containers go, and the Valkey nodes' network with them; volumes stay.
    async finish() {
      await compose('down')
    },
    async process(server) {
      const id = await idOf(server)
      if (id === '') return null
      const pid = await runTool('docker', ['inspect', '-f', '{{.State.Pid}}', id])
      const usage = await runTool('docker', ['stats', '--no-stream', '--format', '{{.MemUsage}}', id])
      return { pid: Number(pid), memoryBytes: bytesOf(usage) }
    },
    firstOutput: (server) => compose('logs', '--no-color', '--no-log-prefix', serviceOf(server)),
    lastLines: async (server, count) =>
      compose('logs', '--no-color', '--no-log-prefix', '-n', String(count), serviceOf(server)),
    async showLog(server, { lines, follow }) {
      const args = [...base, 'logs', '-n', String(lines), ...(follow ? ['-f'] : []), serviceOf(server)]
      const logs = spawn('docker', args, { stdio: 'inherit', env: { ...process.env, ...env } })
      await new Promise((resolve) => logs.once('close', resolve))
    },
    async wipe(servers) {
      await compose('rm', '-f', '-s', '-v', ...servers.map(serviceOf))
      const volumes = servers.map((server) => `tideline-${cluster.profile}_${serviceOf(server)}`)
      await runTool('docker', ['volume', 'rm', '-f', ...volumes])
    },
  }
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KiB: 2 ** 10,
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
}

/** Bytes in what `docker stats` says of a container's memory: `412.3MiB / 1.5GiB`. */
export function bytesOf(usage: string): number {
  const found = /^\s*([\d.]+)\s*([kKMG]?i?B)/.exec(usage)
  return found ? Math.round(Number(found[1]) * (UNITS[found[2] ?? 'B'] ?? 1)) : 0
}
