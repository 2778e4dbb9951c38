/**
 * `npm run cluster -- up|down|status|logs|promote`: the servers that carry Tideline when the embedded engines no longer do, on this
 * machine, by Docker Compose where Docker is, else as native processes. `npm start -- --cluster` runs Tideline on them.
 */
import { parseArgs } from 'node:util'
import { dockerWay, hasDocker } from './cluster/docker.ts'
import { settingsFor } from './cluster/environment.ts'
import { bringDown, bringUp, runningOf, type StatusLine, statusOf } from './cluster/lifecycle.ts'
import { chosen, PORT_OFFSET, PROFILES, type Server } from './cluster/profiles.ts'
import { promote } from './cluster/promote.ts'
import {
  type Choice,
  type Cluster,
  environmentFile,
  forgetChoice,
  openCluster,
  type Place,
  placeFrom,
  readChoice,
  WAYS,
  writeChoice,
  writeEnvironment,
} from './cluster/state.ts'
import { TITLES } from './cluster/versions.ts'
import type { Way } from './cluster/way.ts'
import { nativeWay } from './native/index.ts'
import { say } from './terminal.ts'

const USAGE = `npm run cluster -- up [NAME …] [--profile small|cluster] [--s3 seaweedfs|minio] [--way docker|native]
npm run cluster -- down [NAME …] [--kill] [--wipe]
npm run cluster -- status [--json]
npm run cluster -- logs NAME [--lines 100] [--follow]
npm run cluster -- promote NAME [--lossy]

NAME is a server or a kind of servers, as status shows them. Without one, all of the profile are meant.
--kill ends them as a crash would; --wipe removes their data, too. promote puts the standby of a Postgres primary in its place;
--lossy does so even where it lacks what the primary acknowledged without it.`

const OBJECT_SERVERS = ['seaweedfs', 'minio'] as const

/** Parsed arguments, or the sentence that says what is wrong with them. */
function commandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: 'string' },
      s3: { type: 'string' },
      way: { type: 'string' },
      kill: { type: 'boolean', default: false },
      wipe: { type: 'boolean', default: false },
      lossy: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      follow: { type: 'boolean', default: process.stdout.isTTY === true },
      lines: { type: 'string', default: '100' },
    },
  })
  const oneOf = <T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined => {
    const found = allowed.find((each) => each === value)
    if (value !== undefined && found === undefined) throw new Error(`--${name} is one of: ${allowed.join(', ')}.`)
    return found
  }
  const [verb = '', ...names] = positionals
  return {
    ...values,
    verb,
    names,
    profile: oneOf('profile', values.profile, PROFILES),
    s3: oneOf('s3', values.s3, OBJECT_SERVERS),
    way: oneOf('way', values.way, WAYS),
  }
}

type CommandLine = ReturnType<typeof commandLine>

interface Opened {
  cluster: Cluster
  way: Way
  choice: Choice
}

/**
 * What is up, or what is asked to be.
 * @throws Error when another profile or S3 server runs: their ports are the same
 */
async function open(line: CommandLine): Promise<Opened> {
  const place = placeFrom(process.env)
  const noted = readChoice(place.folder)
  const up = noted === null ? null : opened(place, noted)
  const isAnother =
    (line.profile !== undefined && line.profile !== noted?.profile) ||
    (line.s3 !== undefined && line.s3 !== noted?.objects)
  if (up === null || (isAnother && (await runningOf(up.way, up.cluster.servers)).length === 0)) {
    const way = line.way ?? (hasDocker() ? 'docker' : 'native')
    return opened(place, { profile: line.profile ?? 'small', objects: line.s3 ?? 'seaweedfs', way, asked: [] })
  }
  if (isAnother) {
    const { profile, objects } = up.choice
    throw new Error(`The profile ${profile} with ${TITLES[objects]} is up. Stop it first: npm run cluster -- down`)
  }
  return up
}

function opened(place: Place, choice: Choice): Opened {
  if (choice.way === 'docker' && place.portOffset !== PORT_OFFSET) {
    throw new Error('CLUSTER_PORT_OFFSET moves native servers only: the ports of compose.yaml are fixed.')
  }
  const cluster = openCluster(place, choice.profile, choice.objects)
  return { cluster, way: choice.way === 'docker' ? dockerWay(cluster) : nativeWay(cluster), choice }
}

/** A line a step, the server's name before it. */
const teller = (cluster: Cluster) => {
  const width = Math.max(...cluster.servers.map((server) => server.name.length))
  return (server: Server, text: string) => say(`  ${server.name.padEnd(width)}  ${text}`)
}

async function up(line: CommandLine): Promise<void> {
  const { cluster, way, choice } = await open(line)
  const servers = chosen(cluster.servers, line.names)
  say(
    `Profile ${choice.profile}, ${choice.way === 'docker' ? 'by Docker Compose' : 'as native processes'}, in ${cluster.folder}`,
  )
  const asked = new Set([...choice.asked, ...servers.map((server) => server.name)])
  writeChoice(cluster.folder, { ...choice, asked: [...asked] })
  try {
    await bringUp(cluster, way, servers, teller(cluster))
  } finally {
    writeEnvironment(cluster.folder, settingsFor(await runningOf(way, cluster.servers), cluster.secrets))
  }
  say(
    `\nUp. Its addresses and keys are in ${environmentFile(cluster.folder)}. Tideline runs on it with: npm start -- --cluster`,
  )
}

async function down(line: CommandLine): Promise<void> {
  const { cluster, way, choice } = await open(line)
  const servers = chosen(cluster.servers, line.names)
  const tell = teller(cluster)
  await bringDown(way, servers, tell, line.kill ? 'SIGKILL' : undefined)
  if (line.wipe) {
    await way.wipe(servers)
    say(
      `The data of ${line.names.length === 0 ? 'all of them' : servers.map((server) => server.name).join(', ')} are removed.`,
    )
  }
  const left = await runningOf(way, cluster.servers)
  // What was killed is still asked for, and in the settings: a crash does not reconfigure anybody.
  if (line.kill) return
  if (left.length === 0) {
    await way.finish()
    return forgetChoice(cluster.folder)
  }
  const asked = choice.asked.filter((name) => !servers.some((server) => server.name === name))
  writeChoice(cluster.folder, { ...choice, asked })
  writeEnvironment(cluster.folder, settingsFor(left, cluster.secrets))
}

async function status(line: CommandLine): Promise<void> {
  const { cluster, way, choice } = await open(line)
  const lines = await statusOf(cluster, way, choice.asked)
  if (line.json)
    say(JSON.stringify({ ...choice, servers: lines.map(({ server, ...rest }) => ({ ...server, ...rest })) }))
  else say(`Profile ${choice.profile}, ${choice.way}, in ${cluster.folder}\n\n${table(lines)}`)
  if (lines.some(({ isAsked, serves }) => isAsked && !serves)) process.exitCode = 1
}

function table(lines: readonly StatusLine[]): string {
  const rows = lines.map(({ server, version, pid, memoryBytes, health }) => [
    server.name,
    `${TITLES[server.kind]} ${version}`.trimEnd(),
    String(server.port),
    pid === null ? '–' : String(pid),
    pid === null ? '–' : `${Math.round(memoryBytes / 2 ** 20)} MB`,
    health,
  ])
  const all = [['name', 'version', 'port', 'pid', 'memory', 'health'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  const total = lines.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  const text = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [...text, '', `${Math.round(total / 2 ** 20)} MB in all`].join('\n')
}

async function logs(line: CommandLine): Promise<void> {
  const { cluster, way } = await open(line)
  const [server, ...more] = chosen(cluster.servers, line.names.length === 0 ? [''] : line.names)
  if (server === undefined || more.length > 0) throw new Error('logs shows one server: npm run cluster -- logs NAME')
  const lines = Number(line.lines)
  if (!Number.isInteger(lines) || lines < 0) throw new Error('--lines is a number of lines.')
  await way.showLog(server, { lines, follow: line.follow })
}

async function takeOver(line: CommandLine): Promise<void> {
  const { cluster, way } = await open(line)
  const [server, ...more] = chosen(cluster.servers, line.names.length === 0 ? [''] : line.names)
  if (server === undefined || more.length > 0) throw new Error('promote takes one primary: postgres-1, for example.')
  await promote(cluster, way, server, teller(cluster), { lossy: line.lossy })
  say(`\n${server.name} serves again, at its address, with what its standby had. Clients connect anew by themselves.`)
}

const VERBS: Readonly<Record<string, (line: CommandLine) => Promise<void>>> = {
  up,
  down,
  status,
  logs,
  promote: takeOver,
}

try {
  const line = commandLine()
  const verb = VERBS[line.verb]
  if (verb === undefined) {
    say(USAGE)
    process.exitCode = line.verb === '' ? 0 : 2
  } else await verb(line)
} catch (error) {
  say(`\n${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
