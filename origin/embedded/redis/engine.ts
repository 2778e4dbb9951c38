import type { Clock, Random } from '#core/ids.ts'
import type { Client, CommandSpec, Engine } from './command.ts'
import { commandTable } from './commands/index.ts'
import { ALLOWED_WHILE_SUBSCRIBED, isSubscribed } from './commands/pubsub.ts'
import { endTransaction, NOT_QUEUED } from './commands/transactions.ts'
import { scriptClient } from './detached-client.ts'
import { Database, type Surroundings } from './keyspace.ts'
import { LuaInterpreter } from './lua/interpreter.ts'
import { errors, QUEUED, type Reply, ReplyError, Status } from './reply.ts'

const DATABASES = 16
/** Active expiry goes on while more than this share of the looked-at keys was over, at most so many rounds. */
const EXPIRY_ROUNDS = 10
const EXPIRY_WORTHWHILE = 250
/** An unknown command's arguments are told back up to here. */
const MAX_ECHO = 128

export interface EngineOptions {
  readonly clock: Clock
  readonly random: Random
  readonly runId: string
  readonly port: () => number
  readonly saveNow: () => void
  readonly saveSoon: () => void
  readonly onFault: (error: unknown) => void
}

/** The databases and the way a command takes to them: look-up, arity, transaction, run. */
export function createEngine(options: EngineOptions): { engine: Engine; surroundings: Surroundings } {
  const surroundings: Surroundings = { now: options.clock() }
  const databases = Array.from({ length: DATABASES }, (_, index) => new Database(index, surroundings))
  const clients = new Set<Client>()
  surroundings.after = (db, key) => {
    for (const client of clients) if (client.watched.length > 0) breakWatch(client, db, key)
  }
  /** Commands inside a command (EXEC, scripts) see the time of the outer one. */
  let depth = 0
  let lua: LuaInterpreter | undefined
  const interpreter = () => {
    lua ??= new LuaInterpreter((client, argv, readOnly) => runForScript(engine, client, argv, readOnly), options.clock)
    return lua
  }
  const engine: Engine = {
    ...options,
    startedAt: surroundings.now,
    databases,
    clients,
    commands: commandTable,
    scripts: new Map(),
    stats: { commands: 0, connections: 0, lastSaveMs: surroundings.now },
    execute(client, argv) {
      if (depth === 0) surroundings.now = options.clock()
      depth++
      try {
        return dispatch(engine, client, argv, surroundings.now)
      } finally {
        depth--
      }
    },
    evaluate: (client, script) => {
      const inner = scriptClient(client)
      return interpreter().evaluate(inner, script)
    },
    checkScript: (sha, body) => interpreter().check(sha, body),
    forgetScripts: () => lua?.forget(),
    expire() {
      surroundings.now = options.clock()
      for (const db of databases) {
        for (let round = 0; round < EXPIRY_ROUNDS && db.expireSome() > EXPIRY_WORTHWHILE; round++);
      }
    },
  }
  return { engine, surroundings }
}

/** Looks a command up, checks it, queues it in a transaction or runs it; every ReplyError becomes a reply. */
function dispatch(engine: Engine, client: Client, argv: readonly string[], now: number): Reply {
  const name = argv[0]!.toLowerCase()
  const spec = engine.commands.get(name)
  const refusal = spec ? refuse(spec, client, argv) : unknownCommand(argv)
  if (refusal) {
    if (name === 'exec') return abort(client, refusal)
    if (client.transaction) client.transactionFailed = true
    return refusal
  }
  if (client.transaction && !NOT_QUEUED.has(name)) {
    client.transaction.push([...argv])
    return QUEUED
  }
  return call(engine, spec!, client, argv, now)
}

/** An EXEC that cannot even run gives its transaction up. */
function abort(client: Client, refusal: ReplyError): ReplyError {
  endTransaction(client)
  return new ReplyError(`EXECABORT Transaction discarded because of: ${refusal.message.replace(/^-?ERR /, '')}`)
}

function call(engine: Engine, spec: CommandSpec, client: Client, argv: readonly string[], now: number): Reply {
  engine.stats.commands++
  showToMonitors(engine, client, argv, now)
  try {
    return spec.run({ engine, client, db: engine.databases[client.db]!, now }, argv)
  } catch (error) {
    if (error instanceof ReplyError) return error
    engine.onFault(error)
    return new ReplyError(`ERR internal error in '${spec.name}'`)
  }
}

function refuse(spec: CommandSpec, client: Client, argv: readonly string[]): ReplyError | undefined {
  if (spec.arity > 0 ? argv.length !== spec.arity : argv.length < -spec.arity) return errors.arity(spec.name)
  const subcommandError = spec.subcommands && refuseSubcommand(spec.name, spec.subcommands, argv)
  if (subcommandError) return subcommandError
  if (isSubscribed(client) && !ALLOWED_WHILE_SUBSCRIBED.has(spec.name)) {
    return new ReplyError(
      `ERR Can't execute '${spec.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    )
  }
  return undefined
}

function refuseSubcommand(name: string, known: Readonly<Record<string, number>>, argv: readonly string[]) {
  const sub = argv[1]?.toLowerCase()
  if (sub === undefined) return undefined
  if (!Object.hasOwn(known, sub)) return errors.unknownSubcommand(name, argv[1]!)
  const arity = known[sub]!
  return (arity > 0 ? argv.length === arity : argv.length >= -arity) ? undefined : errors.arity(`${name}|${sub}`)
}

function unknownCommand(argv: readonly string[]): ReplyError {
  let echoed = ''
  for (const arg of argv.slice(1)) {
    if (echoed.length >= MAX_ECHO) break
    // Cut at a zero byte: the real server formats C strings.
    echoed += `'${arg.slice(0, MAX_ECHO - echoed.length).split('\0')[0]}' `
  }
  return new ReplyError(`ERR unknown command '${argv[0]!.slice(0, MAX_ECHO)}', with args beginning with: ${echoed}`)
}

/** A command inside a script: some are refused there, and errors read differently. */
function runForScript(engine: Engine, client: Client, argv: readonly string[], readOnly: boolean): Reply {
  const spec = engine.commands.get(argv[0]!.toLowerCase())
  if (!spec) return new ReplyError('ERR Unknown Redis command called from script')
  if (spec.arity > 0 ? argv.length !== spec.arity : argv.length < -spec.arity) {
    return new ReplyError('ERR Wrong number of args calling Redis command from script')
  }
  if (spec.flags.includes('noscript')) return new ReplyError('ERR This Redis command is not allowed from script')
  if (readOnly && spec.flags.includes('write')) {
    return new ReplyError('ERR Write commands are not allowed from read-only scripts.')
  }
  return engine.execute(client, argv)
}

function breakWatch(client: Client, db: Database, key: string): void {
  for (const watched of client.watched) {
    if (watched.key !== key || watched.db !== db.index) continue
    // Its time was over before WATCH; now it is removed: nothing has changed.
    if (watched.wasExpired && !db.has(key)) watched.wasExpired = false
    else client.watchBroken = true
  }
}

function showToMonitors(engine: Engine, client: Client, argv: readonly string[], now: number): void {
  let line: Status | undefined
  for (const monitor of engine.clients) {
    if (!monitor.monitoring) continue
    line ??= monitorLine(client, argv, now)
    monitor.push(line)
  }
}

function monitorLine(client: Client, argv: readonly string[], now: number): Status {
  const words = argv.map((word) => JSON.stringify(word)).join(' ')
  const source = client.scripted ? 'lua' : client.address
  return new Status(`${(now / 1000).toFixed(6)} [${client.db} ${source}] ${words}`)
}
