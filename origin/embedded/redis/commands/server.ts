import { type Call, type CommandSpec, control, type Engine } from '../command.ts'
import { globMatches } from '../glob.ts'
import { integerArg } from '../numbers.ts'
import { OK, type Reply, ReplyError, Status } from '../reply.ts'
import { SERVER_VERSION } from './version.ts'

function sections(engine: Engine, now: number): Record<string, Record<string, string | number>> {
  const uptime = Math.floor((now - engine.startedAt) / 1000)
  const keyspace: Record<string, string> = {}
  for (const db of engine.databases) {
    if (db.size > 0) keyspace[`db${db.index}`] = `keys=${db.size},expires=${db.expiringCount},avg_ttl=0`
  }
  const memory = process.memoryUsage().heapUsed
  return {
    Server: {
      redis_version: SERVER_VERSION,
      redis_mode: 'standalone',
      os: process.platform,
      arch_bits: 64,
      process_id: process.pid,
      run_id: engine.runId,
      tcp_port: engine.port(),
      uptime_in_seconds: uptime,
      uptime_in_days: Math.floor(uptime / 86_400),
      embedded: 'tideline',
    },
    Clients: { connected_clients: engine.clients.size, blocked_clients: 0 },
    Memory: { used_memory: memory, used_memory_human: `${(memory / 1048576).toFixed(2)}M`, maxmemory: 0 },
    Persistence: { loading: 0, rdb_bgsave_in_progress: 0, rdb_last_save_time: lastSave(engine), aof_enabled: 0 },
    Stats: {
      total_connections_received: engine.stats.connections,
      total_commands_processed: engine.stats.commands,
    },
    Replication: { role: 'master', connected_slaves: 0, master_repl_offset: 0 },
    Cluster: { cluster_enabled: 0 },
    Keyspace: keyspace,
  }
}

function info({ engine, now }: Call, argv: readonly string[]): Reply {
  const wanted = argv.slice(1).map((name) => name.toLowerCase())
  const all = wanted.length === 0 || wanted.some((name) => ['all', 'default', 'everything'].includes(name))
  return Object.entries(sections(engine, now))
    .filter(([title]) => all || wanted.includes(title.toLowerCase()))
    .map(([title, facts]) => {
      const lines = Object.entries(facts).map(([name, value]) => `${name}:${value}\r\n`)
      return `# ${title}\r\n${lines.join('')}`
    })
    .join('\r\n')
}

function lastSave(engine: Engine): number {
  return Math.floor(engine.stats.lastSaveMs / 1000)
}

/** The settings that clients ask about. */
function configuration(engine: Engine): Record<string, string> {
  return {
    appendonly: 'no',
    bind: '127.0.0.1',
    databases: String(engine.databases.length),
    maxmemory: '0',
    'maxmemory-policy': 'noeviction',
    'notify-keyspace-events': '',
    port: String(engine.port()),
    'proto-max-bulk-len': '536870912',
    save: '',
    timeout: '0',
  }
}

function config({ engine }: Call, argv: readonly string[]): Reply {
  const sub = argv[1]!.toLowerCase()
  if (sub === 'get') {
    const patterns = argv.slice(2).map((pattern) => pattern.toLowerCase())
    return Object.entries(configuration(engine))
      .filter(([name]) => patterns.some((pattern) => globMatches(pattern, name)))
      .flat()
  }
  if (sub === 'set') throw new ReplyError('ERR CONFIG SET failed - the embedded server has no settings to change')
  engine.stats.commands = 0
  engine.stats.connections = 0
  return OK
}

function describe({ name, arity, flags, keys }: CommandSpec): Reply {
  return [name, arity, flags.map((flag) => new Status(flag)), ...keys, [], [], [], []]
}

function command({ engine }: Call, argv: readonly string[]): Reply {
  const specs = [...engine.commands.values()]
  const named = argv.slice(2).map((name) => engine.commands.get(name.toLowerCase()))
  switch (argv[1]?.toLowerCase()) {
    case undefined:
      return specs.map(describe)
    case 'count':
      return specs.length
    case 'list':
      return specs.map((spec) => spec.name)
    case 'info':
      return (argv.length > 2 ? named : specs).map((spec) => (spec ? describe(spec) : null))
    case 'docs':
      return []
    default:
      return keysOf(named[0], argv.slice(2))
  }
}

function keysOf(spec: CommandSpec | undefined, argv: readonly string[]): string[] {
  if (!spec) throw new ReplyError('ERR Invalid command specified')
  const [first, last, step] = spec.keys
  if (first === 0) throw new ReplyError('ERR The command has no key arguments')
  const end = last < 0 ? argv.length + last : last
  const keys: string[] = []
  for (let i = first; i <= end; i += step) if (argv[i] !== undefined) keys.push(argv[i]!)
  return keys
}

function time({ now }: Call): Reply {
  return [String(Math.floor(now / 1000)), String(Math.floor((now % 1000) * 1000))]
}

function wait(_call: Call, argv: readonly string[]): Reply {
  integerArg(argv[1]!)
  if (integerArg(argv[2]!) < 0) throw new ReplyError('ERR timeout is negative')
  return 0
}

function save({ engine }: Call): Reply {
  engine.saveNow()
  return OK
}

function bgsave({ engine }: Call): Reply {
  engine.saveSoon()
  return new Status('Background saving started')
}

export const serverCommands: readonly CommandSpec[] = [
  control('info', -1, info),
  { ...control('config', -2, config, ['noscript', 'admin']), subcommands: { get: -3, set: -4, resetstat: 2 } },
  { ...control('command', -1, command), subcommands: { count: 2, list: -2, info: -2, docs: -2, getkeys: -3 } },
  control('time', 1, time),
  control('wait', 3, wait, ['noscript']),
  control('role', 1, () => ['master', 0, []], ['noscript']),
  control('save', 1, save, ['noscript', 'admin']),
  control('bgsave', -1, bgsave, ['noscript', 'admin']),
  control('lastsave', 1, ({ engine }) => lastSave(engine)),
]
