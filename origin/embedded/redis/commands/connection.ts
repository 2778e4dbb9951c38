import { type Call, type Client, type CommandSpec, control } from '../command.ts'
import { integer, integerArg } from '../numbers.ts'
import { errors, OK, type Reply, ReplyError, Status } from '../reply.ts'
import { isSubscribed } from './pubsub.ts'
import { endTransaction } from './transactions.ts'
import { SERVER_VERSION } from './version.ts'

const PONG = new Status('PONG')

function ping({ client }: Call, argv: readonly string[]): Reply {
  if (argv.length > 2) throw errors.arity('ping')
  if (isSubscribed(client)) return ['pong', argv[1] ?? '']
  return argv[1] ?? PONG
}

function hello({ client }: Call, argv: readonly string[]): Reply {
  if (argv[1] !== undefined) {
    const version = integer(argv[1])
    if (version === undefined) throw new ReplyError('ERR Protocol version is not an integer or out of range')
    if (version !== 2) throw new ReplyError('NOPROTO unsupported protocol version')
  }
  for (let i = 2; i < argv.length; i++) {
    const option = argv[i]!.toLowerCase()
    if (option === 'auth' && i + 2 < argv.length) i += 2
    else if (option === 'setname' && i + 1 < argv.length) setName(client, argv[++i]!)
    else throw new ReplyError(`ERR Syntax error in HELLO option '${argv[i]}'`)
  }
  const facts: Record<string, Reply> = { server: 'redis', version: SERVER_VERSION, proto: 2, id: client.id }
  return Object.entries({ ...facts, mode: 'standalone', role: 'master', modules: [] }).flat()
}

function auth(_call: Call, argv: readonly string[]): Reply {
  if (argv.length > 3) throw errors.syntax()
  // Loopback only and no passwords: any user but the default one is unknown, and the default one has none.
  if (argv.length === 2) {
    throw new ReplyError(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    )
  }
  if (argv[1] === 'default') return OK
  throw new ReplyError('WRONGPASS invalid username-password pair or user is disabled.')
}

function select({ engine, client }: Call, argv: readonly string[]): Reply {
  const index = integerArg(argv[1]!)
  if (!engine.databases[index]) throw new ReplyError('ERR DB index is out of range')
  client.db = index
  return OK
}

function setName(client: Client, name: string): void {
  if (/[^!-~]/.test(name)) {
    throw new ReplyError('ERR Client names cannot contain spaces, newlines or special characters.')
  }
  client.name = name
}

function describe(client: Client, now: number): string {
  const age = Math.floor((now - client.connectedAt) / 1000)
  const flags = client.monitoring ? 'O' : isSubscribed(client) ? 'P' : client.transaction ? 'x' : 'N'
  const library = `lib-name=${client.library['lib-name'] ?? ''} lib-ver=${client.library['lib-ver'] ?? ''}`
  return `id=${client.id} addr=${client.address} name=${client.name} age=${age} flags=${flags} db=${client.db} sub=${client.channels.size} psub=${client.patterns.size} multi=${client.transaction?.length ?? -1} resp=2 ${library}\n`
}

const CLIENT_SUBCOMMANDS = {
  id: 2,
  getname: 2,
  setname: 3,
  setinfo: 4,
  info: 2,
  list: -2,
  'no-evict': 3,
  'no-touch': 3,
}

function clientCommand({ engine, client, now }: Call, argv: readonly string[]): Reply {
  const sub = argv[1]!.toLowerCase()
  switch (sub) {
    case 'id':
      return client.id
    case 'getname':
      return client.name === '' ? null : client.name
    case 'setname':
      setName(client, argv[2]!)
      return OK
    case 'setinfo':
      client.library[argv[2]!.toLowerCase()] = argv[3]!
      return OK
    case 'info':
      return describe(client, now)
    case 'list':
      return [...engine.clients].map((other) => describe(other, now)).join('')
    default:
      return OK
  }
}

function quit({ client }: Call): Reply {
  client.quit()
  return OK
}

function reset({ client }: Call): Reply {
  endTransaction(client)
  client.channels.clear()
  client.patterns.clear()
  client.monitoring = false
  client.db = 0
  client.name = ''
  return new Status('RESET')
}

function monitor({ client }: Call): Reply {
  client.monitoring = true
  return OK
}

export const connectionCommands: readonly CommandSpec[] = [
  control('ping', -1, ping),
  control('echo', 2, (_call, argv) => argv[1]!),
  control('hello', -1, hello, ['noscript']),
  control('auth', -2, auth, ['noscript']),
  control('select', 2, select),
  { ...control('client', -2, clientCommand, ['noscript']), subcommands: CLIENT_SUBCOMMANDS },
  control('quit', -1, quit, ['noscript']),
  control('reset', 1, reset, ['noscript']),
  control('monitor', 1, monitor, ['noscript', 'admin']),
]
