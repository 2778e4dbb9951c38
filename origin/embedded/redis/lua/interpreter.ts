import { createHash } from 'node:crypto'
import fengari, { type LuaState } from 'fengari'
import type { Clock } from '#core/ids.ts'
import type { Client, ScriptCall } from '../command.ts'
import { SERVER_VERSION } from '../commands/version.ts'
import { type Reply, ReplyError } from '../reply.ts'
import { openCjson } from './cjson.ts'
import { useDoublesOnly } from './numbers.ts'
import { prelude } from './prelude.ts'
import { fromLuaString, luaString } from './strings.ts'
import { commandArguments, pushError, pushReply, pushStatus, pushText, stringField, toReply } from './values.ts'

const { lua, lauxlib, lualib } = fengari

const SCRIPT_NAME = luaString('@user_script')
const ERR_FIELD = luaString('err')
/** Compiled scripts kept; beyond it the oldest goes (its source stays with SCRIPT LOAD and is compiled again). */
const MAX_COMPILED = 500
/** A script blocks everything, here as in the real server, which can be told to kill it: this one gives up by itself. */
const MAX_SCRIPT_MS = 5_000
const HOOK_EVERY_INSTRUCTIONS = 100_000

/** Runs one command for a script. */
export type ScriptCommand = (client: Client, argv: readonly string[], readOnly: boolean) => Reply

/** The script that runs at the moment: scripts do not nest. */
interface Running {
  readonly client: Client
  readonly readOnly: boolean
}

/** The SHA-1 of a text, as EVALSHA names scripts. */
export function sha1hex(text: string): string {
  return createHash('sha1').update(Buffer.from(text, 'latin1')).digest('hex')
}

/** One Lua state for all scripts, with the `redis`, `cjson` and `bit` libraries and closed globals. */
export class LuaInterpreter {
  readonly #L: LuaState
  readonly #run: ScriptCommand
  readonly #clock: Clock
  readonly #compiled = new Map<string, number>()
  #running: Running | undefined

  constructor(run: ScriptCommand, clock: Clock) {
    this.#run = run
    this.#clock = clock
    useDoublesOnly()
    this.#L = lauxlib.luaL_newstate()
    this.#openLibraries()
  }

  /** Runs a script to its end; throws ReplyError for what the caller of EVAL gets as an error. */
  evaluate(client: Client, script: ScriptCall): Reply {
    const L = this.#L
    const chunk = this.#compile(script)
    this.#running = { client, readOnly: script.readOnly }
    this.#limitTime()
    try {
      this.#setArray('KEYS', script.keys)
      this.#setArray('ARGV', script.args)
      lua.lua_pushcfunction(L, locateError)
      lua.lua_rawgeti(L, lua.LUA_REGISTRYINDEX, chunk)
      const status = lua.lua_pcall(L, 0, 1, 1)
      if (status !== lua.LUA_OK) throw new ReplyError(failure(L, script.sha))
      return toReply(L, -1)
    } finally {
      this.#running = undefined
      lua.lua_sethook(L, null, 0, 0)
      lua.lua_settop(L, 0)
    }
  }

  /** Compiles without running; throws the compiler's message. */
  check(sha: string, body: string): void {
    this.#compile({ sha, body })
  }

  forget(): void {
    for (const reference of this.#compiled.values()) lauxlib.luaL_unref(this.#L, lua.LUA_REGISTRYINDEX, reference)
    this.#compiled.clear()
  }

  #compile({ sha, body }: Pick<ScriptCall, 'sha' | 'body'>): number {
    const known = this.#compiled.get(sha)
    if (known !== undefined) return known
    const code = luaString(body.replace(/^#![^\n]*/, ''))
    if (lauxlib.luaL_loadbuffer(this.#L, code, code.length, SCRIPT_NAME) !== lua.LUA_OK) {
      const reason = fromLuaString(lauxlib.luaL_tolstring(this.#L, -1))
      lua.lua_settop(this.#L, 0)
      throw new ReplyError(`ERR Error compiling script (new function): ${reason}`)
    }
    const reference = lauxlib.luaL_ref(this.#L, lua.LUA_REGISTRYINDEX)
    for (const [oldest, stale] of this.#compiled) {
      if (this.#compiled.size < MAX_COMPILED) break
      lauxlib.luaL_unref(this.#L, lua.LUA_REGISTRYINDEX, stale)
      this.#compiled.delete(oldest)
    }
    this.#compiled.set(sha, reference)
    return reference
  }

  /** Sets a global past the guard on new globals. */
  #setArray(name: string, values: readonly string[]): void {
    const L = this.#L
    lua.lua_getglobal(L, luaString('_G'))
    pushText(L, name)
    lua.lua_createtable(L, values.length, 0)
    values.forEach((value, index) => {
      pushText(L, value)
      lua.lua_rawseti(L, -2, index + 1)
    })
    lua.lua_rawset(L, -3)
    lua.lua_pop(L, 1)
  }

  #limitTime(): void {
    const deadline = this.#clock() + MAX_SCRIPT_MS
    const check = (L: LuaState): void => {
      if (this.#clock() < deadline) return
      // From now on at every instruction, so that no pcall of the script can go on behind the error.
      lua.lua_sethook(L, check, lua.LUA_MASKCOUNT, 1)
      pushText(L, `Script took more than ${MAX_SCRIPT_MS} ms`)
      lua.lua_error(L)
    }
    lua.lua_sethook(this.#L, check, lua.LUA_MASKCOUNT, HOOK_EVERY_INSTRUCTIONS)
  }

  #openLibraries(): void {
    const L = this.#L
    lauxlib.luaL_requiref(L, luaString('_G'), lualib.luaopen_base, true)
    lauxlib.luaL_requiref(L, luaString('string'), lualib.luaopen_string, true)
    lauxlib.luaL_requiref(L, luaString('table'), lualib.luaopen_table, true)
    lauxlib.luaL_requiref(L, luaString('math'), lualib.luaopen_math, true)
    lua.lua_pushcfunction(L, toStringFunction)
    lua.lua_setglobal(L, luaString('tostring'))
    openCjson(L)
    this.#openRedis()
    const code = luaString(prelude)
    const loaded = lauxlib.luaL_loadbuffer(L, code, code.length, luaString('@prelude'))
    if (loaded !== lua.LUA_OK || lua.lua_pcall(L, 0, 0, 0) !== lua.LUA_OK) {
      throw new Error(`Lua prelude: ${fromLuaString(lauxlib.luaL_tolstring(L, -1))}`)
    }
    lua.lua_settop(L, 0)
  }

  #openRedis(): void {
    const L = this.#L
    const functions: Record<string, (L: LuaState) => number> = {
      call: (state) => this.#call(state, true),
      pcall: (state) => this.#call(state, false),
      error_reply: (state) => singleField(state, pushError),
      status_reply: (state) => singleField(state, pushStatus),
      sha1hex: sha1Function,
      log: () => 0,
      setresp: () => 0,
      replicate_commands: (state) => {
        lua.lua_pushboolean(state, true)
        return 1
      },
    }
    lua.lua_createtable(L, 0, 16)
    for (const [name, run] of Object.entries(functions)) {
      lua.lua_pushcfunction(L, run)
      lua.lua_setfield(L, -2, luaString(name))
    }
    for (const [level, name] of ['LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING'].entries()) {
      lua.lua_pushnumber(L, level)
      lua.lua_setfield(L, -2, luaString(name))
    }
    pushText(L, SERVER_VERSION)
    lua.lua_setfield(L, -2, luaString('REDIS_VERSION'))
    lua.lua_setglobal(L, luaString('redis'))
  }

  /** redis.call and redis.pcall: an error is raised or returned as a table. */
  #call(L: LuaState, raise: boolean): number {
    const reply = this.#execute(commandArguments(L), lua.lua_gettop(L))
    if (!(reply instanceof ReplyError)) {
      pushReply(L, reply)
      return 1
    }
    pushError(L, reply.message)
    return raise ? lua.lua_error(L) : 1
  }

  #execute(argv: readonly string[] | undefined, count: number): Reply {
    if (count === 0) return new ReplyError('ERR Please specify at least one argument for this redis lib call')
    if (!argv) return new ReplyError('ERR Lua redis lib command arguments must be strings or integers')
    if (!this.#running) return new ReplyError('ERR redis.call can only be called inside a script invocation')
    return this.#run(this.#running.client, argv, this.#running.readOnly)
  }
}

/** Makes an error table of whatever was raised and notes the line, as the server's own handler does. */
function locateError(L: LuaState): number {
  const info = new lua.lua_Debug()
  if (lua.lua_type(L, 1) !== lua.LUA_TTABLE) {
    const message = fromLuaString(lauxlib.luaL_tolstring(L, 1))
    lua.lua_createtable(L, 0, 2)
    pushText(L, `ERR ${message}`)
    lua.lua_setfield(L, -2, ERR_FIELD)
  } else lua.lua_pushvalue(L, 1)
  for (let level = 1; level <= 3 && lua.lua_getstack(L, level, info) !== 0; level++) {
    lua.lua_getinfo(L, luaString('Sl'), info)
    if (info.currentline < 0 || !fromLuaString(info.source).startsWith('@user_script')) continue
    lua.lua_pushnumber(L, info.currentline)
    lua.lua_setfield(L, -2, luaString('line'))
    break
  }
  return 1
}

/** The message of the error on top of the stack, in the server's form. */
function failure(L: LuaState, sha: string): string {
  const table = lua.lua_gettop(L)
  if (lua.lua_type(L, table) !== lua.LUA_TTABLE) return `ERR ${fromLuaString(lauxlib.luaL_tolstring(L, -1))}`
  const message = stringField(L, table, ERR_FIELD) ?? 'ERR unknown error'
  lua.lua_getfield(L, table, luaString('line'))
  const line = lua.lua_type(L, -1) === lua.LUA_TNUMBER ? lua.lua_tonumber(L, -1) : 0
  return `${message} script: ${sha}, on @user_script:${line}.`
}

function singleField(L: LuaState, push: (L: LuaState, text: string) => void): number {
  if (lua.lua_gettop(L) !== 1 || lua.lua_type(L, 1) !== lua.LUA_TSTRING) {
    pushError(L, 'ERR wrong number or type of arguments')
    return 1
  }
  push(L, fromLuaString(lua.lua_tolstring(L, 1)!))
  return 1
}

function sha1Function(L: LuaState): number {
  const text = lua.lua_tolstring(L, 1)
  pushText(L, sha1hex(text === null ? '' : fromLuaString(text)))
  return 1
}

/** Base Lua's tostring prints numbers by a path of its own, with `.0`. */
function toStringFunction(L: LuaState): number {
  if (lua.lua_type(L, 1) !== lua.LUA_TNUMBER) lauxlib.luaL_tolstring(L, 1)
  else {
    lua.lua_pushvalue(L, 1)
    lua.lua_tolstring(L, -1)
  }
  return 1
}
