/**
 * What all scripts share: reading arguments, writing the reply, many fields at once.
 *
 * Scripts compare numbers, put fields and append within limits. What the fields mean is none of their business: no word
 * of the protocol stands in them. Each touches only keys that it is given, so that a server can lock by key.
 *
 * @module
 */

/** The first lines of every script. */
export const COMMON: string = `
local BLOCK = 4000

local position = 0
local function arg()
  position = position + 1
  return ARGV[position]
end
local function number() return tonumber(arg()) end
local function key()
  local place = number()
  return place > 0 and KEYS[place] or nil
end

local out = {}
-- Others than visible characters were never written here. The reply counts bytes, its reader characters.
local function visible(value)
  return #value < 16384 and string.find(value, '[^\\32-\\126]') and string.gsub(value, '[^\\32-\\126]', '?') or value
end
local function say(value)
  value = visible(value or '')
  out[#out + 1] = #value .. ':' .. value
end
local function digits(value) return string.format('%.0f', value) end
local function sayNumber(value) say(digits(value)) end
local function reply(status) return '~' .. #status .. ':' .. status .. table.concat(out) end

-- All numbers of a text; nothing when their count is not the one that is wanted.
local function numbers(value, size)
  local list = {}
  for word in string.gmatch(value or '', '%S+') do list[#list + 1] = tonumber(word) end
  if size and #list ~= size then return nil end
  return list
end
local function joined(list)
  local texts = {}
  for n = 1, #list do texts[n] = digits(list[n]) end
  return table.concat(texts, ' ')
end

-- Many fields at once; absent ones are false.
local function fetch(where, fields)
  local values = {}
  for first = 1, #fields, BLOCK do
    local last = math.min(first + BLOCK - 1, #fields)
    local part = redis.call('HMGET', where, unpack(fields, first, last))
    for n = first, last do values[n] = part[n - first + 1] end
  end
  return values
end
-- A command with any number of arguments; not called at all without any.
local function send(command, where, list)
  for first = 1, #list, BLOCK do
    redis.call(command, where, unpack(list, first, math.min(first + BLOCK - 1, #list)))
  end
end
`;
