/**
 * The script that takes a log for a new owner.
 *
 * @module
 */
import { TOKENS_KEPT } from "../../../store/tokens.ts";
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";
import { JOURNAL, LOG, MARKS, PAGE } from "./log.ts";
import { MEMBERS } from "./members.ts";
import { OWED } from "./owed.ts";
import { ENDING, INDEX } from "./shared.ts";

/** The numbers of a head, in the order in which field `h` holds them; `-` where there is none. */
export const HEAD = [
  "protocolVersion",
  "attached",
  "connectedAt",
  "disconnectedAt",
  "disconnectReason",
  "sessionExpiryInterval",
  "endsAt",
  "endsAfterMs",
  "willDueAt",
  "willAfterMs",
  "onTakeover",
  "borrows",
] as const;

/**
 * `acquire`: decides on numbers what becomes of a stored log, and gives it, or a new one, to its new owner.
 *
 * - KEYS: whatever the arguments give places of; place 0 stands for none.
 * - ARGV: places of `owned`, `due`, `rings`, `owed`, `members`, `nodes`, `places`, `left`, rows, own log; now; stamp; leases that are known
 *   beforehand; name, holder, full name; token, the same in short, node, identity of a new log, binding; switches (must be
 *   new, refuse an owned one, begin anew, any kind, release when begun anew, only come again); the table of decisions; kind, head, how far to
 *   raise the limit, the parting row, the name to keep; limits of the page; the moment and the node as `j` has them, how much it
 *   has of a node; how many of this binding there may be, or nothing.
 * - Answer: `a`, or `A` when it came again, with the latest answer, identity, epoch, version, head, limit, rows, whether something is owed, a page and
 *   what is to be done elsewhere; `s` the token had it before, `b` another binding, `e` there is one, `o` it is owned, `u` it
 *   would end with what it has borrowed, `q` there are as many as there may be, `x` a record is none.
 */
export const ACQUIRE: Script = {
  name: "acquire",
  source: COMMON + LOG + JOURNAL + MARKS + PAGE + INDEX + MEMBERS + ENDING + OWED + `
local KIND, ATTACHED, SINCE, ENDS, ENDS_AFTER, DUE, DUE_AFTER, RELEASES, BORROWS = 1, 2, 3, 7, 8, 9, 10, 11, 12
for _, each in ipairs({'owned', 'due', 'rings', 'owed', 'members', 'nodes', 'places', 'left'}) do shared[each] = key() end
local rows, own = key(), key()
local now = number()
stamp = number()
local leases = {}
for n = 1, number() do
  local each = arg()
  leases[each] = number()
end
local name, holder, fullName = arg(), arg(), arg()
local token, short, node, newId, binding = arg(), arg(), arg(), arg(), arg()
local mustBeNew, refusesOwned, beginsAnew, anyKind, releases = arg() == '1', arg() == '1', arg() == '1', arg() == '1', arg() == '1'
local reloads = arg() == '1'
local decisions, kind, head, ahead, parting, kept = arg(), number(), arg(), number(), arg(), arg()
local most, mostBytes = number(), number()
local moment, shortNode, nodeSize = arg(), arg(), number()
local mostPlaces = tonumber(arg())

local function headOf(value)
  local list = {}
  for word in string.gmatch(value or '', '%S+') do
    if word == '-' then list[#list + 1] = false else list[#list + 1] = tonumber(word) end
  end
  -- One from before has a number less.
  if #list == ${HEAD.length} or #list == ${HEAD.length - 1} then return list end
end
local function row(field, values)
  for n = 1, #values, 2 do
    if values[n] == field then return values[n + 1] end
  end
end
local function owes(log)
  return log.state[OWED] > 0 and redis.call('HEXISTS', shared.owed, log.id) == 1
end
local function answer(status, log, latest, headText, values, pending)
  say(latest)
  say(log.id)
  sayNumber(log.state[EPOCH])
  sayNumber(log.state[VERSION])
  say(headText)
  sayNumber(log.state[LIMIT])
  sayNumber(#values)
  for _, value in ipairs(values) do say(value) end
  say(pending and '1' or '0')
  sayPage(log, 0, most, mostBytes)
  sayLater()
  return reply(status)
end

local log = open(own, {'k', 'p', 'h', 'w', 'r', 'j', 'y'})
local stored = log.id and headOf(log.seen.h)
local journal = log.seen.j
if log.id and not (log.state and stored) then return reply('x') end
local attached = stored and stored[ATTACHED] == 1
if attached and log.seen.k == token then
  local kept = redis.call('HGETALL', rows)
  addMarks(log, kept)
  return answer('A', log, log.seen.w, log.seen.h, kept, owes(log))
end
if reloads then return reply('s') end
-- Whoever had it, and has it no more, asked long ago.
local tokens = stored and log.seen.r or ''
for n = 1, #tokens, #short do
  if string.sub(tokens, n, n + #short - 1) == short then return reply('s') end
end
if shared.nodes then
  local wanted = {node}
  if attached then wanted[2] = log.node end
  local found = redis.call('ZMSCORE', shared.nodes, unpack(wanted))
  for n, each in ipairs(wanted) do leases[each] = tonumber(found[n] or nil) end
end
local lease = attached and (leases[log.node] or 0)
local living = attached and lease > now
if stored then
  if (log.seen.p or '') ~= binding then return reply('b') end
  if mustBeNew then return reply('e') end
  if living and refusesOwned then return reply('o') end
end

-- An owner whose lease has run out left when it did.
local wasAttached = attached
if attached and not living then
  local at = math.max(lease, stored[SINCE])
  stored[ENDS] = stored[ENDS_AFTER] and at + stored[ENDS_AFTER]
  local due = stored[DUE_AFTER] and at + stored[DUE_AFTER]
  stored[DUE] = due and stored[ENDS] and math.min(due, stored[ENDS]) or due
  attached = false
end

-- The table has three rows (nothing, left, owned) of three columns (goes on, has ended, begins anew); each says whether it
-- goes on, whether what is stored ends, and when the parting row is released.
local state, condition = 1, 1
if stored then
  state = attached and 3 or 2
  if stored[ENDS] and stored[ENDS] <= now then condition = 2
  elseif beginsAnew or not (anyKind or stored[KIND] == kind) then condition = 3 end
end
local place = ((state - 1) * 3 + condition - 1) * 3
local goesOn = string.sub(decisions, place + 1, place + 1) == '1'
local endsStored = string.sub(decisions, place + 2, place + 2) == '1'
local rule = string.sub(decisions, place + 3, place + 3)
if endsStored and stored[BORROWS] == 1 then return reply('u') end
if goesOn and stored and stored[BORROWS] == 1 then head = string.gsub(head, '%S+$', '1') end
local counts = mostPlaces and binding ~= ''
if counts and not goesOn and not (stored and log.seen.y) then
  local taken = redis.call('ZLEXCOUNT', shared.places, '[' .. binding .. '/', '(' .. binding .. '0')
  if taken >= mostPlaces then return reply('q') end
end
local values = stored and redis.call('HGETALL', rows) or {}
local parted = row('w', values)
local isDue = stored and stored[DUE] and stored[DUE] <= now
local released = parted and (
  (rule == 'p' and (attached or releases or isDue)) or (rule == 'd' and isDue) or (rule == 't' and stored[RELEASES] == 1))

local owner, since = log.node, log.seen.k
local ended = '-'
if released then
  owe(log.id, log.state[OWED] + 1, 0, -1, 'w' .. digits(now) .. ' ' .. fullName .. ' ' .. parted, '', now)
end
local lost = endsStored and log.drops or {}
local started = 0
local pending = false
if goesOn then
  started = log.state[LIMIT]
  if released then log.state[OWED] = log.state[OWED] + 1 end
  pending = released or owes(log)
  log.state[EPOCH] = log.state[EPOCH] + 1
  log.state[VERSION] = log.state[VERSION] + 1
  if not wasAttached then log.state[LIMIT] = started + ahead end
else
  if endsStored then
    ended = (condition == 3 and 'c' or attached and 't' or 'x') .. log.id
    pending = released or owes(log)
    local fields = {}
    for n = 1, #values, 2 do fields[#fields + 1] = values[n] end
    finish(own, rows, fields, holder, name, log.id, log.seen.y)
    values = {}
  end
  local fresh = {}
  for n = 1, SIZE do fresh[n] = 0 end
  log = {where = own, id = newId, state = fresh, drops = {}, put = {}, gone = {}, set = {i = newId}, seen = {}}
  log.state[EPOCH], log.state[VERSION], log.state[LIMIT] = 1, 1, ahead
  if binding ~= '' then log.set.p = binding end
  if kept ~= '' then log.set.c = kept end
  if counts then
    log.set.y = binding .. '/' .. name
    index('places', 'ZADD', {'0', log.set.y})
  end
end
local latest = (goesOn and '1 ' or '0 ') .. digits(started) .. ' ' .. ended ..
  (living and ' ' .. owner .. ' ' .. since or '')
-- A node's name stands behind a '=' in the log.
local taken = living and string.sub(owner, 2, nodeSize + 1) or ''
local told = (goesOn and 'r' or 'b') .. moment .. '/' .. digits(log.state[EPOCH]) .. '/' .. string.sub(ended, 1, 1)
  .. '/' .. shortNode .. '/' .. taken .. ';'
log.node = node
log.set.n, log.set.k, log.set.h, log.set.w, log.set.t, log.set.u = node, token, head, latest, '', ''
log.set.j = withEntry(journal, withLost(told, lost))
log.set.r = string.sub(tokens, -${TOKENS_KEPT - 1} * #short) .. short
save(log)
if parting ~= '' then
  redis.call('HSET', rows, 'w', parting)
elseif parted and goesOn then
  redis.call('HDEL', rows, 'w')
end
-- What was left of one that has ended would vanish.
if not stored and journal then redis.call('PERSIST', own) end
if stored and goesOn and not wasAttached then
  redis.call('PERSIST', own)
  if #values > 0 then redis.call('PERSIST', rows) end
end
if stored and not wasAttached then index('due', 'ZREM', {'s/' .. name}) end
if wasAttached and owner ~= node then index('owned', 'ZREM', {owner .. '/' .. name}) end
if not wasAttached or owner ~= node then index('owned', 'ZADD', {'0', node .. '/' .. name}) end
if not leases[node] then index('nodes', 'ZADD', {'NX', '0', node}) end
if living and owner ~= node then ring(owner, fullName, log.state[EPOCH]) end
sendRings()
local rowsNow = {}
for n = 1, #values, 2 do
  if values[n] ~= 'w' then
    rowsNow[#rowsNow + 1] = values[n]
    rowsNow[#rowsNow + 1] = values[n + 1]
  end
end
if goesOn then addMarks(log, rowsNow) end
if parting ~= '' then
  rowsNow[#rowsNow + 1] = 'w'
  rowsNow[#rowsNow + 1] = parting
end
return answer('a', log, latest, head, rowsNow, pending)
`,
};
