/**
 * The script that carries a batch out: one guarded log and its rows, appends to other logs, what is owed.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { APPEND } from "./append.ts";
import { COMMON } from "./common.ts";
import { JOURNAL, LOG } from "./log.ts";
import { MEMBERS } from "./members.ts";
import { OWED } from "./owed.ts";
import { ENDING, INDEX } from "./shared.ts";

/**
 * `commit`: all of a batch, or nothing.
 *
 * - KEYS: whatever the arguments give places of; place 0 stands for none.
 * - ARGV: places of `owned`, `due`, `rings`, `owed`, `members`, `ended`, `places`, `left`, rows, own log; id of the batch, now, stamp; whether it is whole; doorbells;
 *   with an own log its guard and changes; then limits, appends, the move of an entry, debts.
 * - Answer: `c` done, `s` the guard or the entry does not hold, `r` nobody could take it, or not all of a whole one, `p` done before, `x` a record is
 *   none. With `c` and `p` the outcomes of the appends, divided by semicolons (`a` sequence node gave-way of-its-slot of-its-group, `d` reason, `e`, `t`
 *   node: taken before); with `c` also what is to be done elsewhere.
 */
export const COMMIT: Script = {
  name: "commit",
  source: COMMON + LOG + JOURNAL + INDEX + MEMBERS + ENDING + OWED + APPEND + `
for _, each in ipairs({'owned', 'due', 'rings', 'owed', 'members', 'ended', 'places', 'left'}) do shared[each] = key() end
local rows, own = key(), key()
local batch, now = arg(), number()
stamp = number()
local isWhole = arg() == '1'
for n = 1, number() do ring(arg(), arg(), n) end
local function list()
  local values = {}
  for n = 1, number() do values[n] = arg() end
  return values
end

-- The own log: its guard, and what changes.
local log, id, name, holder, fullName, ends, expiry, keepsFor, past
local rowPuts, rowGone, ownedGone, duePuts, dueGone, changes = {}, {}, {}, {}, {}, {}
if own then
  id = arg()
  local epoch, version = number(), number()
  name, holder, fullName = arg(), arg(), arg()
  local removals, wanted = {}, {}
  for n = 1, number() do
    removals[n] = {arg(), number()}
    wanted[n] = removals[n][1]
  end
  local told, keeps = arg(), number()
  if told ~= '' then wanted[#wanted + 1] = 'j' end
  wanted[#wanted + 1] = 'y'
  log = open(own, wanted)
  if log.id == id and not log.state then return reply('x') end
  if log.id ~= id or log.state[EPOCH] ~= epoch or log.state[VERSION] ~= version then
    local isRepeated = log.id == id and log.batch == batch and log.state[VERSION] == version + 1
    if log.id ~= id and shared.ended and redis.call('ZSCORE', shared.ended, id .. '/' .. batch) then isRepeated = true end
    if not isRepeated then return reply('s') end
    say(log.id == id and log.answer or '')
    return reply('p')
  end
  log.state[VERSION] = version + 1
  if told ~= '' then log.set.j = withEntry(log.seen.j, told) end
  past = told
  keepsFor = keeps
  local limit = arg()
  if limit ~= '' then log.state[LIMIT] = tonumber(limit) end
  for _, removal in ipairs(removals) do
    local field, reason = removal[1], removal[2]
    local value = log.seen[field]
    -- One that gave way was counted by whoever took it.
    if value and not log.gone[field] then
      take(log, tonumber(field), weigh(value) or 0)
      if reason > 0 then count(log, reason) end
    elseif isWhole then
      return reply('r')
    end
  end
  local raises = arg()
  if raises ~= '' then
    log.state[EPOCH] = epoch + 1
    log.set.k = raises
    if log.node ~= '' then ring(log.node, fullName, log.state[EPOCH]) end
  end
  for n = 1, number() do
    local field = arg()
    log.set[field] = arg()
  end
  log.node = log.set.n or log.node
  for n = 1, number() do log.gone[arg()] = true end
  local marks = arg()
  if marks == '-' then
    log.state[MARK_LOW], log.state[MARK_HIGH] = 0, 0
  elseif marks ~= '' then
    local span = numbers(marks, 2)
    local low = log.state[MARK_HIGH] > 0 and log.state[MARK_LOW] or span[1]
    log.state[MARK_LOW] = math.min(low, span[1])
    log.state[MARK_HIGH] = math.max(log.state[MARK_HIGH], span[2])
  end
  ends = arg() == '1'
  rowPuts, rowGone = list(), list()
  for n = 1, number() do
    local change = {arg(), arg(), arg(), arg()}
    if change[4] == '' then change[4] = nil end
    changes[n] = change
  end
  ownedGone, duePuts, dueGone = list(), list(), list()
  expiry = arg()
end
local logs = {}
if own then
  logs[own] = log
  if ends then log.id = false end
end

-- Marks tell which entries of a source a log has taken: number, place, moment. Those that nobody can repeat any more go,
-- whenever there may be many.
local function forgetMarks(to)
  to.state[TAKEN] = to.state[TAKEN] + 1
  if to.state[TAKEN] < 256 then return end
  local fields, kept = {}, 0
  for _, field in ipairs(redis.call('HKEYS', to.where)) do
    if string.sub(field, 1, 2) == 'o=' then fields[#fields + 1] = field end
  end
  for n, value in ipairs(fetch(to.where, fields)) do
    local mark = numbers(value or '', 3)
    if mark and mark[3] >= now - 3600000 then kept = kept + 1 else to.gone[fields[n]] = true end
  end
  -- Where most are new, the next look waits until they have doubled.
  to.state[TAKEN] = math.floor(kept / 2)
end

-- Appends: what goes to whom, in order.
local limits = {entries = number(), bytes = number(), givesWay = arg() == '1'}
local refuses = arg() == '1'
local reasons = {unowned = number(), newest = number(), oldest = number(), unreadable = number(),
  replaced = number(), groupNewest = number(), groupOldest = number()}
local silent, source = arg(), arg()
local marker = 'o' .. source
local bodies = {}
for n = 1, number() do
  local body = {bytes = number(), value = arg()}
  local rank = arg()
  if rank ~= '' then
    body.rank = tonumber(rank)
    body.terms = {group = arg(), slot = arg(), entries = number(), bytes = number(), givesWay = arg() == '1'}
  end
  bodies[n] = body
end
local answers = {}
local isTaken, isFull = false, false
local marked = source ~= '' and {marker} or isWhole and {'k'} or {}
local entries = {}
for n = 1, number() do
  local entry = {where = key(), id = arg(), name = arg()}
  local body, flags = bodies[number()], number()
  entry.light, entry.ownedOnly = flags % 2 == 1, flags % 4 >= 2
  if flags >= 4 then entry.token = arg() end
  entry.mark = arg()
  entry.bytes, entry.value = body.bytes, arg() .. ';' .. body.value
  entry.rank, entry.terms = body.rank or 0, body.terms
  entries[n] = entry
end

-- An entry that is moved has to stand where the caller takes it to be.
local moved, move = arg(), nil
if moved ~= '' then
  move = {number = number(), from = number(), to = number(), fixes = arg() == '1', total = number(), whom = arg()}
  local found = entryAt(moved, move.number, move.from, move.fixes)
  if not found then return reply('s') end
  if not move.fixes then move.total, move.whom = found[2], nil end
end

for n, entry in ipairs(entries) do
  local to = logs[entry.where]
  if not to then
    to = open(entry.where, marked)
    logs[entry.where] = to
  end
  local answer
  local counts = to.id == entry.id and to.state
  if counts and entry.mark ~= '' then
    local last = numbers(to.set[marker] or to.seen[marker] or '', 3) or {0, 0}
    local mark = numbers(entry.mark, 3)
    if mark[1] < last[1] or (mark[1] == last[1] and mark[2] <= last[2]) then
      answer = {'t', to.node}
      -- Whoever took it may have died before it rang.
      if to.node ~= '' and to.node ~= silent then ring(to.node, entry.name, to.state[TAIL]) end
    else
      to.set[marker] = entry.mark
      if not to.seen[marker] then forgetMarks(to) end
    end
  end
  if not answer then
    answer = append(to, entry, limits, reasons, silent)
    if counts then to.isChanged = true end
  end
  if isWhole and (answer[1] ~= 'a' or answer[4] > 0 or answer[5]) then return reply('r') end
  isTaken = isTaken or answer[1] == 'a'
  isFull = isFull or (answer[1] == 'd' and (answer[2] == reasons.newest or answer[2] == reasons.groupNewest))
  for place, value in ipairs(answer) do
    if type(value) == 'number' then answer[place] = digits(value) end
  end
  answers[n] = table.concat(answer, ' ')
end
local debtor, debts = arg(), {}
for n = 1, number() do debts[n] = {cursor = number(), total = number(), what = arg(), whom = arg()} end
if isWhole and #debts > 0 then return reply('r') end
if refuses and isFull and not isTaken and #debts == 0 then return reply('r') end

-- From here on it is written.
local told = table.concat(answers, ';')
local first = log and log.state[OWED] or 0
for n, debt in ipairs(debts) do owe(debtor, first + n, debt.cursor, debt.total, debt.what, debt.whom, now) end
if log then log.state[OWED] = first + #debts end
if move then moveEntry(moved, move.number, move.to, move.total, move.whom) end
if log and not ends then
  log.set.t = batch
  log.set.u = #told <= 1024 and told or ''
  log.isChanged = true
end
for _, each in pairs(logs) do
  if each.isChanged and each.id then save(each) end
end
if log and ends then
  finish(own, rows, redis.call('HKEYS', rows), holder, name, id, log.seen.y)
  -- What became of it stays for a while, with nothing beside it.
  if log.set.j then
    log.set.j = withEntry(log.seen.j, withLost(past, log.drops))
    redis.call('HSET', own, 'j', log.set.j)
    redis.call('PEXPIRE', own, digits(keepsFor))
  end
  redis.call('ZADD', shared.ended, digits(now), id .. '/' .. batch)
  redis.call('ZREMRANGEBYSCORE', shared.ended, '-inf', digits(now - 3600000))
  redis.call('PEXPIRE', shared.ended, 3600000)
elseif log then
  send('HSET', rows, rowPuts)
  send('HDEL', rows, rowGone)
  if shared.left then
    local kept = {}
    for _, change in ipairs(changes) do
      if not change[4] then
        kept[#kept + 1] = id .. '/' .. change[1]
        kept[#kept + 1] = digits(stamp)
      end
    end
    send('HSET', shared.left, kept)
  end
  index('members', 'CHANGE', changes)
  if expiry == '-' then
    redis.call('PERSIST', own)
    redis.call('PERSIST', rows)
  elseif expiry ~= '' then
    redis.call('PEXPIRE', own, expiry)
    redis.call('PEXPIRE', rows, expiry)
  end
end
if log then
  index('owned', 'ZREM', ownedGone)
  index('due', 'ZADD', duePuts)
  index('due', 'ZREM', dueGone)
end
sendRings()
say(told)
sayLater()
return reply('c')
`,
};
