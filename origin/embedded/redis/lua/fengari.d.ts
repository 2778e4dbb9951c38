/** The part of fengari (a Lua 5.3 in JavaScript, MIT) that the scripting of the embedded Redis uses; the package ships no types. */
declare module 'fengari' {
  /** Lua strings are byte arrays. */
  export type LuaString = Uint8Array
  export interface LuaState {
    readonly luaState: unique symbol
  }
  export type LuaFunction = (L: LuaState) => number
  export interface DebugInfo {
    currentline: number
    source: LuaString
    what: LuaString
  }
  interface Lua {
    readonly LUA_OK: number
    readonly LUA_TNIL: number
    readonly LUA_TBOOLEAN: number
    readonly LUA_TNUMBER: number
    readonly LUA_TSTRING: number
    readonly LUA_TTABLE: number
    readonly LUA_TLIGHTUSERDATA: number
    readonly LUA_REGISTRYINDEX: number
    readonly LUA_MASKCOUNT: number
    readonly lua_Debug: new () => DebugInfo
    lua_call(L: LuaState, args: number, results: number): void
    lua_error(L: LuaState): number
    lua_createtable(L: LuaState, arrayItems: number, fields: number): void
    lua_getglobal(L: LuaState, name: LuaString): number
    lua_getfield(L: LuaState, index: number, name: LuaString): number
    lua_getinfo(L: LuaState, what: LuaString, info: DebugInfo): number
    lua_getstack(L: LuaState, level: number, info: DebugInfo): number
    lua_gettop(L: LuaState): number
    lua_next(L: LuaState, index: number): number
    lua_pcall(L: LuaState, args: number, results: number, handler: number): number
    lua_pop(L: LuaState, count: number): void
    lua_pushboolean(L: LuaState, value: boolean): void
    lua_pushcfunction(L: LuaState, fn: LuaFunction): void
    lua_pushlightuserdata(L: LuaState, value: unknown): void
    lua_pushnil(L: LuaState): void
    lua_pushnumber(L: LuaState, value: number): void
    lua_pushstring(L: LuaState, value: LuaString): LuaString
    lua_pushvalue(L: LuaState, index: number): void
    lua_rawgeti(L: LuaState, index: number, n: number): number
    lua_rawset(L: LuaState, index: number): void
    lua_rawseti(L: LuaState, index: number, n: number): void
    lua_remove(L: LuaState, index: number): void
    lua_setfield(L: LuaState, index: number, name: LuaString): void
    lua_setglobal(L: LuaState, name: LuaString): void
    lua_sethook(L: LuaState, hook: ((L: LuaState) => void) | null, mask: number, count: number): void
    lua_settop(L: LuaState, index: number): void
    lua_toboolean(L: LuaState, index: number): boolean
    lua_tolstring(L: LuaState, index: number): LuaString | null
    lua_tonumber(L: LuaState, index: number): number
    lua_type(L: LuaState, index: number): number
  }
  interface LuaAuxiliary {
    luaL_checkstack(L: LuaState, size: number, message: LuaString): void
    luaL_loadbuffer(L: LuaState, code: LuaString, size: number, name: LuaString): number
    luaL_newstate(): LuaState
    luaL_ref(L: LuaState, table: number): number
    luaL_requiref(L: LuaState, name: LuaString, open: LuaFunction, global: boolean): void
    luaL_tolstring(L: LuaState, index: number): LuaString
    luaL_where(L: LuaState, level: number): void
    luaL_unref(L: LuaState, table: number, ref: number): void
  }
  interface LuaLibraries {
    readonly luaopen_base: LuaFunction
    readonly luaopen_math: LuaFunction
    readonly luaopen_string: LuaFunction
    readonly luaopen_table: LuaFunction
  }
  const fengari: { readonly lua: Lua; readonly lauxlib: LuaAuxiliary; readonly lualib: LuaLibraries }
  export default fengari
}

/** Internals: how numerals are read and numbers printed. */
declare module 'fengari/src/lobject.js' {
  interface LuaValue {
    value: unknown
    setfltvalue(value: number): void
    setsvalue(value: unknown): void
  }
  const lobject: {
    luaO_str2num(text: Uint8Array, into: LuaValue): number
    luaO_tostring(L: unknown, value: LuaValue): void
  }
  export default lobject
}

declare module 'fengari/src/lstring.js' {
  const lstring: { luaS_bless(L: unknown, bytes: Uint8Array): unknown }
  export default lstring
}
