import { type Call, type CommandSpec, NO_KEYS } from '../command.ts'
import { sha1hex } from '../lua/interpreter.ts'
import { integerArg } from '../numbers.ts'
import { OK, type Reply, ReplyError } from '../reply.ts'

/** Scripts remembered for EVALSHA; a bound against clients that generate scripts. */
const MAX_SCRIPTS = 10_000

function evaluate(bySha: boolean, readOnly: boolean) {
  return ({ engine, client }: Call, argv: readonly string[]): Reply => {
    const count = integerArg(argv[2]!)
    if (count > argv.length - 3) throw new ReplyError("ERR Number of keys can't be greater than number of args")
    if (count < 0) throw new ReplyError("ERR Number of keys can't be negative")
    const sha = bySha ? argv[1]!.toLowerCase() : sha1hex(argv[1]!)
    const body = bySha ? engine.scripts.get(sha) : argv[1]
    if (body === undefined) throw new ReplyError('NOSCRIPT No matching script. Please use EVAL.')
    const keys = argv.slice(3, 3 + count)
    const args = argv.slice(3 + count)
    if (!bySha) remember(engine.scripts, sha, body)
    return engine.evaluate(client, { sha, body, keys, args, readOnly })
  }
}

function remember(scripts: Map<string, string>, sha: string, body: string): void {
  if (scripts.size >= MAX_SCRIPTS && !scripts.has(sha)) scripts.delete(scripts.keys().next().value!)
  scripts.set(sha, body)
}

function script({ engine }: Call, argv: readonly string[]): Reply {
  const sub = argv[1]!.toLowerCase()
  if (sub === 'load') {
    const sha = sha1hex(argv[2]!)
    engine.checkScript(sha, argv[2]!)
    remember(engine.scripts, sha, argv[2]!)
    return sha
  }
  if (sub === 'exists') {
    return argv.slice(2).map((sha) => Number(engine.scripts.has(sha.toLowerCase())))
  }
  if (sub === 'flush') {
    if (argv.length > 3 || (argv[2] !== undefined && !/^a?sync$/i.test(argv[2]))) {
      throw new ReplyError('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
    }
    engine.scripts.clear()
    engine.forgetScripts()
    return OK
  }
  throw new ReplyError('NOTBUSY No scripts in execution right now.')
}

function spec(name: string, arity: number, run: CommandSpec['run']): CommandSpec {
  return { name, arity, flags: ['noscript', 'movablekeys'], keys: NO_KEYS, run }
}

export const scriptingCommands: readonly CommandSpec[] = [
  spec('eval', -3, evaluate(false, false)),
  spec('evalsha', -3, evaluate(true, false)),
  spec('eval_ro', -3, evaluate(false, true)),
  spec('evalsha_ro', -3, evaluate(true, true)),
  { ...spec('script', -2, script), subcommands: { load: 3, exists: -3, flush: -2, kill: 2 } },
]
