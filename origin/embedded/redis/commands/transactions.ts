import { type Call, type Client, type CommandSpec, control } from '../command.ts'
import { NIL_ARRAY, OK, type Reply, ReplyError } from '../reply.ts'

/** Commands that a connection inside MULTI runs at once instead of queueing. */
export const NOT_QUEUED: ReadonlySet<string> = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset'])

function multi({ client }: Call): Reply {
  if (client.transaction) throw new ReplyError('ERR MULTI calls can not be nested')
  client.transaction = []
  return OK
}

function exec({ engine, client }: Call): Reply {
  const queued = client.transaction
  if (!queued) throw new ReplyError('ERR EXEC without MULTI')
  const failed = client.transactionFailed
  const broken = client.watchBroken || watchedKeyExpired(engine.databases, client)
  endTransaction(client)
  if (failed) throw new ReplyError('EXECABORT Transaction discarded because of previous errors.')
  if (broken) return NIL_ARRAY
  return queued.map((argv) => engine.execute(client, argv))
}

/** A watched key that was alive at WATCH and whose time is over counts as changed, though nobody has removed it yet. */
function watchedKeyExpired(databases: Call['engine']['databases'], client: Client): boolean {
  return client.watched.some(({ db, key, wasExpired }) => !wasExpired && databases[db]!.isExpired(key))
}

function discard({ client }: Call): Reply {
  if (!client.transaction) throw new ReplyError('ERR DISCARD without MULTI')
  endTransaction(client)
  return OK
}

/** Forgets queue and watches. */
export function endTransaction(client: Client): void {
  client.transaction = undefined
  client.transactionFailed = false
  client.watched = []
  client.watchBroken = false
}

function watch({ client, db }: Call, argv: readonly string[]): Reply {
  if (client.transaction) throw new ReplyError('ERR WATCH inside MULTI is not allowed')
  for (const key of argv.slice(1)) {
    if (client.watched.some((watched) => watched.db === db.index && watched.key === key)) continue
    client.watched.push({ db: db.index, key, wasExpired: db.isExpired(key) })
  }
  return OK
}

function unwatch({ client }: Call): Reply {
  client.watched = []
  client.watchBroken = false
  return OK
}

export const transactionCommands: readonly CommandSpec[] = [
  control('multi', 1, multi, ['noscript']),
  control('exec', 1, exec, ['noscript']),
  control('discard', 1, discard, ['noscript']),
  { ...control('watch', -2, watch, ['noscript']), keys: [1, -1, 1] },
  control('unwatch', 1, unwatch, ['noscript']),
]
