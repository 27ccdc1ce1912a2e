/**
 * What is owed to others.
 *
 * @module
 */
import { COMMON } from "./common.ts";
import type { Script } from "../transport.ts";

/** What is owed to others, kept in one hash: entries by number, and for each of their owners how many there are. */
export const OWED: string = `
-- Under the owner's name: the lowest number, the highest, how many. Under 'name/number': how far it has come, and to how
-- many it goes, or -1 while nobody has said. Under '.../m' and '.../r': what, and to whom. Under '.../c': who claimed the step, and when.
local function owe(name, number, cursor, total, what, whom, now)
  local where = shared.owed
  local known = numbers(redis.call('HGET', where, name) or '', 3)
  -- What has no log is numbered from the beginning each time: this one came before.
  if known and number <= known[2] then return end
  if known then
    known[2] = math.max(known[2], number)
    known[3] = known[3] + 1
  else
    known = {number, number, 1}
    index('due', 'ZADD', {digits(now), 'o/' .. name})
  end
  local field = name .. '/' .. digits(number)
  local list = {name, joined(known), field, joined({cursor, total}), field .. '/m', what}
  if total >= 0 then
    list[#list + 1] = field .. '/r'
    list[#list + 1] = whom
  end
  send('HSET', where, list)
end
-- Moves an entry's cursor; false when it is not where the caller takes it to be.
local function entryAt(name, number, from, fixes)
  local known = numbers(redis.call('HGET', shared.owed, name .. '/' .. digits(number)) or '', 2)
  if not known or known[1] ~= from or (known[2] < 0) ~= fixes then return nil end
  return known
end
local function moveEntry(name, number, to, total, whom)
  local where = shared.owed
  local field = name .. '/' .. digits(number)
  if to < total then
    local list = {field, joined({to, total})}
    if whom then
      list[#list + 1] = field .. '/r'
      list[#list + 1] = whom
    end
    redis.call('HDEL', where, field .. '/c')
    return send('HSET', where, list)
  end
  local gone = {field, field .. '/m', field .. '/r', field .. '/c'}
  local known = numbers(redis.call('HGET', where, name) or '', 3)
  if known and known[3] > 1 then
    known[3] = known[3] - 1
    if known[1] == number then known[1] = number + 1 end
    redis.call('HSET', where, name, joined(known))
  else
    gone[#gone + 1] = name
    index('due', 'ZREM', {'o/' .. name})
  end
  send('HDEL', where, gone)
end
`;

/**
 * `owed`: what one owner's entries are, oldest first, as far as one reply should hold them.
 *
 * - KEYS: `owed`. ARGV: the owner's name, how many.
 * - Answer: `f` and for each its number, cursor, total or -1, what, to whom.
 */
export const READ_OWED: Script = {
  name: "owed",
  source: COMMON + `
local name, most = arg(), number()
local known = numbers(redis.call('HGET', KEYS[1], name) or '', 3)
local found, size = 0, 0
if known then
  for first = known[1], known[2], 64 do
    local fields = {}
    for n = first, math.min(first + 63, known[2]) do fields[#fields + 1] = name .. '/' .. digits(n) end
    for place, value in ipairs(fetch(KEYS[1], fields)) do
      local state = numbers(value or '', 2)
      if state and found < most and size < 4000000 then
        local parts = fetch(KEYS[1], {fields[place] .. '/m', fields[place] .. '/r'})
        found = found + 1
        size = size + #(parts[1] or '') + #(parts[2] or '')
        sayNumber(first + place - 1)
        sayNumber(state[1])
        sayNumber(state[2])
        say(parts[1])
        say(parts[2])
      end
    end
    if found >= most or size >= 4000000 then break end
  end
end
return reply('f')
`,
};

/**
 * `claim`: begins a step of the first entry of an owner whose receivers live elsewhere, and says to whom it goes if nobody
 * has. Another one's claim stands for a while.
 *
 * - KEYS: `owed`. ARGV: the owner's name, number, cursor, whether it says to whom, how many, to whom, whose step, now.
 * - Answer: `c` it is the caller's, `s` it is not where the caller takes it to be, or another one's.
 */
export const CLAIM: Script = {
  name: "claim",
  source: COMMON + `
local name, entry, from, fixes, total, whom, token, now = arg(), number(), number(), arg() == '1', number(), arg(), arg(), number()
local field = name .. '/' .. digits(entry)
local v = fetch(KEYS[1], {name, field, field .. '/c'})
local known, state = numbers(v[1] or '', 3), numbers(v[2] or '', 2)
local holder, moment = string.match(v[3] or '', '^(%S+) (%d+)$')
local isMine = holder == token
if not known or not state or known[1] ~= entry or state[1] ~= from then return reply('s') end
if holder and not isMine and tonumber(moment) > now - 30000 then return reply('s') end
if fixes and state[2] >= 0 and not isMine then return reply('s') end
if not fixes and state[2] < 0 then return reply('s') end
local list = {field .. '/c', token .. ' ' .. digits(now)}
if fixes and state[2] < 0 then
  for _, value in ipairs({field, joined({from, total}), field .. '/r', whom}) do list[#list + 1] = value end
end
send('HSET', KEYS[1], list)
return reply('c')
`,
};
