/**
 * The scripts of names, of words in use, and of changes of shared keys that others could not make.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";
import { MEMBERS } from "./members.ts";
import { INDEX } from "./shared.ts";

/**
 * `names`: names of logs, page by page: the owned ones in order, then the others.
 *
 * - KEYS: `owned`, `due`. ARGV: which of the two, where the last page ended, the most.
 * - Answer: `f`, and the members.
 */
export const NAMES: Script = {
  name: "names",
  source: COMMON + `
local which, from, most = arg(), arg(), number()
if which == 'owned' then
  local first = from == '' and '-' or '(' .. from
  for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], first, '+', 'LIMIT', 0, most)) do say(member) end
else
  for _, member in ipairs(redis.call('ZRANGE', KEYS[2], from, tonumber(from) + most - 1)) do say(member) end
end
return reply('f')
`,
};

/**
 * `counted`: the names of the members of places that begin so.
 *
 * - KEYS: `places`. ARGV: how they begin, a whole name of it. Answer: `f`, and the rest of each.
 */
export const COUNTED: Script = {
  name: "counted",
  source: COMMON + `
local first = arg()
for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. first .. '/', '(' .. first .. '0')) do
  say(string.sub(member, #first + 2))
end
return reply('f')
`,
};

/**
 * `admit`: adds words to a list that only grows, as far as there is room.
 *
 * - KEYS: one hash. ARGV: field, the most, the words.
 * - Answer: `f` and the list.
 */
export const ADMIT: Script = {
  name: "admit",
  source: COMMON + `
local field, most = arg(), number()
local list = redis.call('HGET', KEYS[1], field) or 'S'
local has, size = {}, 0
for word in string.gmatch(list, ' (%S+)') do
  has[word] = true
  size = size + 1
end
local before = size
for n = 1, number() do
  local word = arg()
  if not has[word] and size < most then
    has[word] = true
    size = size + 1
    list = list .. ' ' .. word
  end
end
if size > before then redis.call('HSET', KEYS[1], field, list) end
say(list)
return reply('f')
`,
};

/**
 * `beside`: what is owed and left over beside a log.
 *
 * - KEYS: its `owed`, its `left`. Answer: `f`, count and names of those that owe, then name and mark of what is left.
 */
export const BESIDE: Script = {
  name: "beside",
  source: COMMON + `
local names = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not string.find(field, '/', 1, true) then names[#names + 1] = field end
end
sayNumber(#names)
for _, name in ipairs(names) do say(name) end
for _, value in ipairs(redis.call('HGETALL', KEYS[2])) do say(value) end
return reply('f')
`,
};

/**
 * `forget`: removes fields of a hash that still hold what they held.
 *
 * - KEYS: the hash. ARGV: count, then field and value of each. Answer: `c`.
 */
export const FORGET: Script = {
  name: "forget",
  source: COMMON + `
local fields, values = {}, {}
for n = 1, number() do
  fields[n] = arg()
  values[n] = arg()
end
local gone = {}
for n, value in ipairs(fetch(KEYS[1], fields)) do
  if value == values[n] then gone[#gone + 1] = fields[n] end
end
send('HDEL', KEYS[1], gone)
return reply('c')
`,
};

/**
 * `index`: changes of shared keys, for logs that live elsewhere.
 *
 * - KEYS: whatever the arguments give places of. ARGV: count; of each its key's place, command, count and arguments.
 * - Answer: `c`.
 */
export const INDEXING: Script = {
  name: "index",
  source: COMMON + INDEX + MEMBERS + `
for n = 1, number() do
  local where, command, list = key(), arg(), {}
  for m = 1, number() do list[m] = arg() end
  if command == 'CHANGE' then
    local changes = {}
    for m = 1, #list, 4 do
      changes[#changes + 1] = {list[m], list[m + 1], list[m + 2], list[m + 3] ~= '' and list[m + 3] or nil}
    end
    changeMembers(where, changes)
  elseif command == 'SETTLE' then
    -- A moment that was put off meanwhile stays.
    local moment = redis.call('ZSCORE', where, list[1])
    if moment and tonumber(moment) <= tonumber(list[2]) then redis.call('ZREM', where, list[1]) end
  else
    send(command, where, list)
  end
end
return reply('c')
`,
};
