import fengari, { type LuaState } from 'fengari'
import { formatDouble } from '../numbers.ts'
import { NIL_ARRAY, NO_REPLY, type Reply, ReplyError, Status } from '../reply.ts'
import { fromLuaString, luaString } from './strings.ts'

const { lua, lauxlib } = fengari

/** Deeper nesting than this is an error, not a stack overflow (the server's own limit). */
const MAX_DEPTH = 1000
const OK_FIELD = luaString('ok')
const ERR_FIELD = luaString('err')
const NO_ROOM = luaString('reply is nested too deeply')

export function pushText(L: LuaState, text: string): void {
  lua.lua_pushstring(L, luaString(text))
}

/** A reply becomes a Lua value: nil → false, status and error → tables with `ok` or `err`, arrays → tables from 1. */
export function pushReply(L: LuaState, reply: Reply): void {
  lauxlib.luaL_checkstack(L, 4, NO_ROOM)
  if (typeof reply === 'string') pushText(L, reply)
  else if (typeof reply === 'number' || typeof reply === 'bigint') lua.lua_pushnumber(L, Number(reply))
  else if (reply === null || reply === NIL_ARRAY || reply === NO_REPLY) lua.lua_pushboolean(L, false)
  else if (reply instanceof Status) pushSingleField(L, OK_FIELD, reply.text)
  else if (reply instanceof ReplyError) pushSingleField(L, ERR_FIELD, reply.message)
  else pushItems(L, reply as readonly Reply[])
}

function pushItems(L: LuaState, items: readonly Reply[]): void {
  lua.lua_createtable(L, items.length, 0)
  items.forEach((item, index) => {
    pushReply(L, item)
    lua.lua_rawseti(L, -2, index + 1)
  })
}

export function pushStatus(L: LuaState, text: string): void {
  pushSingleField(L, OK_FIELD, text)
}

/** An error table. The message is `CODE text`; a single word is taken as the text of a plain ERR. */
export function pushError(L: LuaState, message: string): void {
  const text = message.startsWith('-') ? message.slice(1) : message
  pushSingleField(L, ERR_FIELD, text.includes(' ') ? text : `ERR ${text}`)
}

function pushSingleField(L: LuaState, field: Uint8Array, text: string): void {
  lua.lua_createtable(L, 0, 1)
  pushText(L, text)
  lua.lua_setfield(L, -2, field)
}

/** The Lua value at `index` as a reply: numbers lose their fraction, false and nil are null, a table ends at its first nil. */
export function toReply(L: LuaState, index: number, depth = 0): Reply {
  if (depth > MAX_DEPTH) throw new ReplyError('ERR reached lua stack limit')
  switch (lua.lua_type(L, index)) {
    case lua.LUA_TSTRING:
      return fromLuaString(lua.lua_tolstring(L, index)!)
    case lua.LUA_TNUMBER:
      return integerOf(lua.lua_tonumber(L, index))
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(L, index) ? 1 : null
    case lua.LUA_TTABLE:
      return tableReply(L, index, depth)
    default:
      return null
  }
}

function integerOf(value: number): number | bigint {
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole + 0
  if (Number.isNaN(whole)) return -(2n ** 63n)
  return BigInt.asIntN(64, Math.abs(whole) >= 2 ** 63 ? -(2n ** 63n) : BigInt(whole))
}

function tableReply(L: LuaState, index: number, depth: number): Reply {
  lauxlib.luaL_checkstack(L, 4, NO_ROOM)
  const table = index < 0 ? lua.lua_gettop(L) + index + 1 : index
  const error = stringField(L, table, ERR_FIELD)
  if (error !== undefined) return new ReplyError(error.startsWith('-') ? error.slice(1) : error)
  const status = stringField(L, table, OK_FIELD)
  if (status !== undefined) return new Status(status.replace(/[\r\n]/g, ' '))
  const items: Reply[] = []
  for (let i = 1; ; i++) {
    const isEnd = lua.lua_rawgeti(L, table, i) === lua.LUA_TNIL
    if (!isEnd) items.push(toReply(L, -1, depth + 1))
    lua.lua_pop(L, 1)
    if (isEnd) return items
  }
}

/** A string field of the table at `table` (an absolute index). */
export function stringField(L: LuaState, table: number, name: Uint8Array): string | undefined {
  lua.lua_getfield(L, table, name)
  const value = lua.lua_type(L, -1) === lua.LUA_TSTRING ? fromLuaString(lua.lua_tolstring(L, -1)!) : undefined
  lua.lua_pop(L, 1)
  return value
}

/** The arguments of redis.call as strings; undefined if one is neither string nor number. */
export function commandArguments(L: LuaState): string[] | undefined {
  const argv: string[] = []
  for (let i = 1; i <= lua.lua_gettop(L); i++) {
    const kind = lua.lua_type(L, i)
    if (kind === lua.LUA_TSTRING) argv.push(fromLuaString(lua.lua_tolstring(L, i)!))
    else if (kind === lua.LUA_TNUMBER) argv.push(formatDouble(lua.lua_tonumber(L, i)))
    else return undefined
  }
  return argv
}
