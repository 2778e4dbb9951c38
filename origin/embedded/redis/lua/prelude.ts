/**
 * What Redis' Lua 5.1 has and Lua 5.3 lacks or does otherwise, in Lua; runs once, before the globals are closed.
 * Lengths and string positions stay 32-bit integers inside fengari; whatever reaches them through arithmetic with a numeral is a double.
 */
export const prelude = `
unpack = table.unpack
loadstring = load
table.getn = function(t) return #t end
math.pow = function(a, b) return a ^ b end
math.log10 = function(a) return math.log(a, 10) end
math.mod = math.fmod
dofile, loadfile, print, collectgarbage = nil, nil, nil, nil

local floor, ceil, format, fmod, select, pack = math.floor, math.ceil, string.format, math.fmod, select, table.pack
math.floor = function(x) return floor(x) + 0 end
math.ceil = function(x) return ceil(x) + 0 end

-- %d takes any double there, cutting the fraction; here it would refuse what 32 bits cannot hold.
string.format = function(pattern, ...)
  local args, n = pack(...), 0
  local adapted = string.gsub(pattern, '%%([-+ #0]*%d*)(%.?%d*)([%a%%])', function(flags, precision, kind)
    if kind == '%' then return nil end
    n = n + 1
    local number = tonumber(args[n])
    if (kind ~= 'd' and kind ~= 'i') or number == nil or precision ~= '' then return nil end
    args[n] = number < 0 and math.ceil(number) or math.floor(number)
    return '%' .. flags .. '.0f'
  end)
  return format(adapted, unpack(args, 1, args.n))
end

local function int32(x)
  x = x % 4294967296
  if x >= 2147483648 then x = x - 4294967296 end
  return floor(x)
end
bit = {
  tobit = function(x) return int32(x) + 0 end,
  bnot = function(x) return (~int32(x)) + 0 end,
  band = function(x, ...) x = int32(x) for i = 1, select('#', ...) do x = x & int32((select(i, ...))) end return x + 0 end,
  bor = function(x, ...) x = int32(x) for i = 1, select('#', ...) do x = x | int32((select(i, ...))) end return x + 0 end,
  bxor = function(x, ...) x = int32(x) for i = 1, select('#', ...) do x = x ~ int32((select(i, ...))) end return x + 0 end,
  lshift = function(x, n) return (int32(x) << (int32(n) & 31)) + 0 end,
  rshift = function(x, n) return (int32(x) >> (int32(n) & 31)) + 0 end,
}

setmetatable(_G, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
  __newindex = function() error('Attempt to modify a readonly table', 2) end,
})
`
