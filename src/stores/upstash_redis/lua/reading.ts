/**
 * The scripts that read, and those that keep the shared keys.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON, INDEX, LOG, MEMBERS, PAGE } from "./common.ts";

/**
 * `read`: a log and its rows, without owning them.
 *
 * - KEYS: own log, rows, and `nodes` or nothing.
 * - Answer: `n` nothing, `x` a record is none, `f` identity, epoch, version, limit, held, bytes, lost by reason, token, node,
 *   head, kept name, lease of the node or nothing, rows.
 */
export const READ: Script = {
  name: "read",
  source: COMMON + LOG + `
local log = open(KEYS[1], {'k', 'h', 'c'})
if not log.id then return reply('n') end
if not log.state then return reply('x') end
say(log.id)
for _, name in ipairs({EPOCH, VERSION, LIMIT, HELD, BYTES}) do sayNumber(log.state[name]) end
say(joined(log.drops))
say(log.seen.k)
say(log.node)
say(log.seen.h)
say(log.seen.c)
local lease = KEYS[3] and log.node ~= '' and redis.call('ZSCORE', KEYS[3], log.node)
say(lease and digits(tonumber(lease)) or '')
local rows = redis.call('HGETALL', KEYS[2])
sayNumber(#rows)
for _, value in ipairs(rows) do say(value) end
return reply('f')
`,
};

/**
 * `page`: entries of a log.
 *
 * - KEYS: own log.
 * - ARGV: identity, position, the most entries, the most bytes.
 * - Answer: `n` it is no more, `x` a record is none, `q` how far the page reaches, the tail, sequence and value of each.
 */
export const PAGE_OF_LOG: Script = {
  name: "page",
  source: COMMON + LOG + PAGE + `
local id, after, most, bytes = arg(), number(), number(), number()
local log = open(KEYS[1], {})
if log.id ~= id then return reply('n') end
if not log.state then return reply('x') end
sayPage(log, after, most, bytes)
return reply('q')
`,
};

/**
 * `aside`: moves entries that cannot be read out of a log, and counts them.
 *
 * - KEYS: own log, rows.
 * - ARGV: identity, the reason, count, then sequence and value of each as it was read.
 * - Answer: `c` done, as far as they still stood there.
 */
export const ASIDE: Script = {
  name: "aside",
  source: COMMON + LOG + `
local id, reason = arg(), number()
local wanted, values = {}, {}
for n = 1, number() do
  wanted[n] = arg()
  values[n] = arg()
end
local log = open(KEYS[1], wanted)
if log.id == id and log.state then
  local kept = {}
  for n, field in ipairs(wanted) do
    if log.seen[field] == values[n] and not log.gone[field] then
      take(log, tonumber(field), weigh(values[n]) or 0)
      count(log, reason)
      kept[#kept + 1] = 'x/' .. field
      kept[#kept + 1] = values[n]
    end
  end
  if #kept > 0 then
    save(log)
    send('HSET', KEYS[2], kept)
    local left = redis.call('PTTL', KEYS[1])
    if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
  end
end
return reply('c')
`,
};

/**
 * `count`: counts what a log missed.
 *
 * - KEYS: own log. ARGV: identity, the reason. Answer: `c`.
 */
export const COUNT: Script = {
  name: "count",
  source: COMMON + LOG + `
local id, reason = arg(), number()
local log = open(KEYS[1], {})
if log.id == id and log.state then
  count(log, reason)
  save(log)
end
return reply('c')
`,
};

/**
 * `owed`: what one owner's entries are, oldest first.
 *
 * - KEYS: `owed`. ARGV: the owner's name, how many.
 * - Answer: `f` and for each its number, cursor, total or -1, what, to whom.
 */
export const READ_OWED: Script = {
  name: "owed",
  source: COMMON + `
local name, most = arg(), number()
local known = numbers(redis.call('HGET', KEYS[1], name) or '', 3)
local found = 0
if known then
  for first = known[1], known[2], 32 do
    local fields = {}
    local last = math.min(first + 31, known[2])
    for n = first, last do
      local field = name .. '/' .. digits(n)
      for _, each in ipairs({field, field .. '/m', field .. '/r'}) do fields[#fields + 1] = each end
    end
    local values = fetch(KEYS[1], fields)
    for n = first, last do
      local at = (n - first) * 3
      local state = numbers(values[at + 1] or '', 2)
      if state and found < most then
        found = found + 1
        sayNumber(n)
        sayNumber(state[1])
        say(string.format('%.0f', state[2]))
        say(values[at + 2])
        say(values[at + 3])
      end
    end
    if found >= most then break end
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

/**
 * `due`: what is due, and the nodes whose lease has run out with what they own; nodes that own nothing are removed.
 *
 * - KEYS: `due`, `nodes`, `owned`, `rings`. ARGV: now, how long past its lease a node is waited for, how many.
 * - Answer: `f`, count and pairs of member and moment, count of nodes, and of each its name, lease, count and members.
 */
export const DUE: Script = {
  name: "due",
  source: COMMON + `
local now, grace, most = number(), number(), number()
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, most)
sayNumber(#found)
for _, value in ipairs(found) do say(value) end
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', digits(now - grace), 'WITHSCORES')
sayNumber(#lapsed / 2)
for n = 1, #lapsed, 2 do
  local first, last = '[' .. lapsed[n] .. '/', '(' .. lapsed[n] .. '0'
  local owned = redis.call('ZRANGEBYLEX', KEYS[3], first, last, 'LIMIT', 0, most)
  if #owned == 0 then
    redis.call('ZREM', KEYS[2], lapsed[n])
    redis.call('ZREMRANGEBYLEX', KEYS[4], first, last)
  end
  say(lapsed[n])
  say(lapsed[n + 1])
  sayNumber(#owned)
  for _, value in ipairs(owned) do say(value) end
end
return reply('f')
`,
};

/**
 * `next`: the first moment at which something is due, or a lease ends whose node owns something.
 *
 * - KEYS: `due`, `nodes`, `owned`. Answer: `f` and the moment, or nothing.
 */
export const NEXT_DUE: Script = {
  name: "next",
  source: COMMON + `
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local moment = first and tonumber(first)
if moment == math.huge then moment = nil end
local nodes = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for n = 1, #nodes, 2 do
  local lease = tonumber(nodes[n + 1])
  if moment and moment <= lease then break end
  if #redis.call('ZRANGEBYLEX', KEYS[3], '[' .. nodes[n] .. '/', '(' .. nodes[n] .. '0', 'LIMIT', 0, 1) > 0 then
    moment = lease
    break
  end
end
say(moment and digits(moment) or '')
return reply('f')
`,
};

/**
 * `renew`: until when a node lives. 0 releases it: it goes once it owns nothing.
 *
 * - KEYS: `nodes`, `owned`, `rings`. ARGV: node, moment. Answer: `c`.
 */
export const RENEW: Script = {
  name: "renew",
  source: COMMON + `
local node, moment = arg(), arg()
local first, last = '[' .. node .. '/', '(' .. node .. '0'
if moment == '0' and #redis.call('ZRANGEBYLEX', KEYS[2], first, last, 'LIMIT', 0, 1) == 0 then
  redis.call('ZREM', KEYS[1], node)
  redis.call('ZREMRANGEBYLEX', KEYS[3], first, last)
else
  redis.call('ZADD', KEYS[1], moment, node)
end
return reply('c')
`,
};

/**
 * `rings`: which doorbells of a node were rung. Those told last time go: each ring is a member of its own, so that a
 * repeated call loses none.
 *
 * - KEYS: `rings`. ARGV: node, the most, members told last time.
 * - Answer: `f`, and the members.
 */
export const RINGS: Script = {
  name: "rings",
  source: COMMON + `
local node, most = arg(), number()
local told = {}
for n = 1, number() do told[n] = arg() end
send('ZREM', KEYS[1], told)
local members = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. node .. '/', '(' .. node .. '0', 'LIMIT', 0, most)
for _, member in ipairs(members) do say(member) end
return reply('f')
`,
};

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
 * `leases`: until when each node lives.
 *
 * - KEYS: `nodes`. Answer: `f`, and name and moment of each.
 */
export const LEASES: Script = {
  name: "leases",
  source: COMMON + `
for _, value in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do say(value) end
return reply('f')
`,
};

/**
 * `beside`: what is owed and left over beside a log.
 *
 * - KEYS: its `owed`, its `left`. Answer: `f`, count and names of those that owe, then name and holder of what is left.
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
 * `forget`: removes fields of a hash.
 *
 * - KEYS: the hash. ARGV: count and fields. Answer: `c`.
 */
export const FORGET: Script = {
  name: "forget",
  source: COMMON + `
local fields = {}
for n = 1, number() do fields[n] = arg() end
send('HDEL', KEYS[1], fields)
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
