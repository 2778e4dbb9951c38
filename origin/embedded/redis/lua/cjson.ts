import fengari, { type LuaState } from 'fengari'
import { printNumber } from './numbers.ts'
import { fromLuaString, luaString } from './strings.ts'
import { pushText } from './values.ts'

const { lua, lauxlib } = fengari

/** cjson.null: a light userdata that equals only itself. */
const JSON_NULL = { name: 'cjson.null' }
const MAX_DEPTH = 1000
const DEEP = luaString('JSON is nested too deeply')

/** Defines the global `cjson` with encode, decode and null. */
export function openCjson(L: LuaState): void {
  lua.lua_createtable(L, 0, 3)
  lua.lua_pushcfunction(L, guarded(encodeArgument))
  lua.lua_setfield(L, -2, luaString('encode'))
  lua.lua_pushcfunction(L, guarded(decodeArgument))
  lua.lua_setfield(L, -2, luaString('decode'))
  lua.lua_pushlightuserdata(L, JSON_NULL)
  lua.lua_setfield(L, -2, luaString('null'))
  lua.lua_setglobal(L, luaString('cjson'))
}

class JsonError extends Error {}

/** Turns a JsonError into a Lua error. Lua's own errors are thrown JavaScript values too and pass. */
function guarded(run: (L: LuaState) => void) {
  return (L: LuaState): number => {
    try {
      run(L)
      return 1
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      lauxlib.luaL_where(L, 1)
      const where = fromLuaString(lua.lua_tolstring(L, -1)!)
      pushText(L, where + error.message)
    }
    return lua.lua_error(L)
  }
}

function encodeArgument(L: LuaState): void {
  pushText(L, encode(L, 1, 0))
}

function encode(L: LuaState, index: number, depth: number): string {
  if (depth > MAX_DEPTH) throw new JsonError('Cannot serialise, excessive depth')
  switch (lua.lua_type(L, index)) {
    case lua.LUA_TSTRING:
      return quote(fromLuaString(lua.lua_tolstring(L, index)!))
    case lua.LUA_TNUMBER: {
      const value = lua.lua_tonumber(L, index)
      if (!Number.isFinite(value)) throw new JsonError('Cannot serialise number: must not be NaN or Inf')
      return printNumber(value)
    }
    case lua.LUA_TBOOLEAN:
      return String(lua.lua_toboolean(L, index))
    case lua.LUA_TTABLE:
      return encodeTable(L, index, depth)
    case lua.LUA_TNIL:
    case lua.LUA_TLIGHTUSERDATA:
      return 'null'
    default:
      throw new JsonError('Cannot serialise: type not supported')
  }
}

/** A table whose keys are exactly 1…n is an array; an empty one is an object, as in lua-cjson. */
function encodeTable(L: LuaState, index: number, depth: number): string {
  lauxlib.luaL_checkstack(L, 4, DEEP)
  const table = index < 0 ? lua.lua_gettop(L) + index + 1 : index
  const fields: [key: string | number, value: string][] = []
  lua.lua_pushnil(L)
  while (lua.lua_next(L, table) !== 0) {
    const isNumber = lua.lua_type(L, -2) === lua.LUA_TNUMBER
    if (!isNumber && lua.lua_type(L, -2) !== lua.LUA_TSTRING) {
      throw new JsonError('Cannot serialise table: table key must be a number or string')
    }
    const key = isNumber ? lua.lua_tonumber(L, -2) : fromLuaString(lua.lua_tolstring(L, -2)!)
    fields.push([key, encode(L, -1, depth + 1)])
    lua.lua_pop(L, 1)
  }
  const items: string[] = []
  for (const [key, value] of fields) if (typeof key === 'number' && key >= 1) items[key - 1] = value
  if (fields.length > 0 && items.length === fields.length && !items.includes(undefined as never)) return `[${items}]`
  return `{${fields.map(([key, value]) => `${quote(typeof key === 'number' ? printNumber(key) : key)}:${value}`)}}`
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

function quote(text: string): string {
  const escaped = text.replace(/["\\/]|[^ -~\x80-\xff]/g, (char) => {
    return SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `"${escaped}"`
}

function decodeArgument(L: LuaState): void {
  const source = lua.lua_tolstring(L, 1)
  if (source === null) throw new JsonError("bad argument #1 to 'decode' (string expected)")
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(source).toString('utf8'))
  } catch {
    throw new JsonError('Expected value but found invalid token')
  }
  pushJson(L, value)
}

function pushJson(L: LuaState, value: unknown): void {
  lauxlib.luaL_checkstack(L, 4, DEEP)
  if (typeof value === 'string') pushText(L, Buffer.from(value, 'utf8').toString('latin1'))
  else if (typeof value === 'number') lua.lua_pushnumber(L, value)
  else if (typeof value === 'boolean') lua.lua_pushboolean(L, value)
  else if (Array.isArray(value)) {
    lua.lua_createtable(L, value.length, 0)
    value.forEach((item, index) => {
      pushJson(L, item)
      lua.lua_rawseti(L, -2, index + 1)
    })
  } else if (typeof value === 'object' && value !== null) {
    lua.lua_createtable(L, 0, 4)
    for (const [key, item] of Object.entries(value)) {
      pushText(L, Buffer.from(key, 'utf8').toString('latin1'))
      pushJson(L, item)
      lua.lua_rawset(L, -3)
    }
  } else lua.lua_pushlightuserdata(L, JSON_NULL)
}
