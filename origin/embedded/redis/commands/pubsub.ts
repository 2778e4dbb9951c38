import { type Call, type Client, type CommandSpec, control, type Engine } from '../command.ts'
import { globMatches } from '../glob.ts'
import { NO_REPLY, type Reply } from '../reply.ts'

/** What a connection may still ask while it is subscribed (RESP2). */
export const ALLOWED_WHILE_SUBSCRIBED: ReadonlySet<string> = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ping',
  'quit',
  'reset',
])

export function isSubscribed(client: Client): boolean {
  return client.channels.size + client.patterns.size > 0
}

function subscribe(kind: 'subscribe' | 'psubscribe') {
  return ({ client }: Call, argv: readonly string[]): Reply => {
    const names = kind === 'subscribe' ? client.channels : client.patterns
    for (const name of argv.slice(1)) {
      names.add(name)
      client.push([kind, name, client.channels.size + client.patterns.size])
    }
    return NO_REPLY
  }
}

function unsubscribe(kind: 'unsubscribe' | 'punsubscribe') {
  return ({ client }: Call, argv: readonly string[]): Reply => {
    const names = kind === 'unsubscribe' ? client.channels : client.patterns
    const leaving = argv.length > 1 ? argv.slice(1) : [...names]
    if (leaving.length === 0) client.push([kind, null, client.channels.size + client.patterns.size])
    for (const name of leaving) {
      names.delete(name)
      client.push([kind, name, client.channels.size + client.patterns.size])
    }
    return NO_REPLY
  }
}

/** Delivers a message; answers how many deliveries were made. */
function publish({ engine }: Call, argv: readonly string[]): Reply {
  const [, channel, message] = argv as [string, string, string]
  let deliveries = 0
  for (const client of engine.clients) {
    if (client.channels.has(channel)) {
      client.push(['message', channel, message])
      deliveries++
    }
    for (const pattern of client.patterns) {
      if (!globMatches(pattern, channel)) continue
      client.push(['pmessage', pattern, channel, message])
      deliveries++
    }
  }
  return deliveries
}

function subscribersOf(engine: Engine, channel: string): number {
  let count = 0
  for (const client of engine.clients) if (client.channels.has(channel)) count++
  return count
}

function pubsub({ engine }: Call, argv: readonly string[]): Reply {
  const sub = argv[1]!.toLowerCase()
  if (sub === 'channels') {
    const channels = new Set<string>()
    for (const client of engine.clients) for (const channel of client.channels) channels.add(channel)
    return [...channels].filter((channel) => argv[2] === undefined || globMatches(argv[2], channel))
  }
  if (sub === 'numsub') return argv.slice(2).flatMap((channel) => [channel, subscribersOf(engine, channel)])
  return new Set([...engine.clients].flatMap((client) => [...client.patterns])).size
}

export const pubsubCommands: readonly CommandSpec[] = [
  control('subscribe', -2, subscribe('subscribe'), ['pubsub', 'noscript']),
  control('psubscribe', -2, subscribe('psubscribe'), ['pubsub', 'noscript']),
  control('unsubscribe', -1, unsubscribe('unsubscribe'), ['pubsub', 'noscript']),
  control('punsubscribe', -1, unsubscribe('punsubscribe'), ['pubsub', 'noscript']),
  control('publish', 3, publish, ['pubsub']),
  { ...control('pubsub', -2, pubsub, ['pubsub']), subcommands: { channels: -2, numsub: -2, numpat: 2 } },
]
