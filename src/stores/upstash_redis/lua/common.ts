/**
 * What the scripts share: reading arguments, writing the reply, and the small records of numbers.
 *
 * Scripts compare numbers, put fields and append within limits. What the fields mean is none of their business: no word
 * of the protocol stands in them. Each touches only keys that it is given, so that a server can lock by key.
 *
 * A log is one hash: `i` its identity, `s` its state (the numbers below), `d` counts of what was lost by reason, `n` the
 * node that owns it or nothing, `t` and `u` the latest batch and its answer, and one field a sequence for what stands in
 * it, which begins with its size, whether it is light (it gives way first) and a semicolon.
 *
 * @module
 */

/** The numbers of a log's state, in the order in which field `s` holds them. */
export const STATE = [
  "epoch",
  "version",
  "limit",
  "tail",
  "held",
  "bytes",
  "light",
  "goneFrom",
  "goneTo",
  "lightFrom",
  "lightTo",
  "owed",
  "marks",
] as const;

/** A number of a log's state. */
export type StateName = typeof STATE[number];

/** The first lines of every script. */
export const COMMON: string = `
${STATE.map((name, index) => `local ${upper(name)} = ${index + 1}`).join("\n")}
local SIZE = ${STATE.length}
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
local function say(value)
  value = value or ''
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

/** A log: opening it, what stands in it, and writing it back. */
export const LOG: string = `
local FIELDS = {'i', 's', 'd', 'n', 't', 'u'}
-- Reads a log with some of its sequences and other fields. state is nothing when there is none, or it cannot be read.
local function open(where, more)
  local fields = {unpack(FIELDS)}
  for n = 1, #more do fields[#FIELDS + n] = more[n] end
  local v = fetch(where, fields)
  local log = {where = where, id = v[1], state = numbers(v[2], SIZE), drops = numbers(v[3]), node = v[4] or '',
    batch = v[5], answer = v[6], seen = {}, put = {}, gone = {}, set = {}, counted = false}
  for n = 1, #more do log.seen[more[n]] = v[#FIELDS + n] end
  return log
end
local function count(log, reason)
  for n = #log.drops + 1, reason do log.drops[n] = 0 end
  log.drops[reason] = log.drops[reason] + 1
  log.counted = true
end
-- The size of an entry, and whether it is light; nothing when it cannot be told.
local function weigh(value)
  local bytes, light = string.match(value, '^(%d+) ([01]);')
  return tonumber(bytes), light == '1'
end
local function take(log, sequence, bytes)
  local field = digits(sequence)
  if log.put[field] then log.put[field] = nil else log.gone[field] = true end
  log.state[HELD] = log.state[HELD] - 1
  log.state[BYTES] = log.state[BYTES] - bytes
end
local function save(log)
  local list = {'s', joined(log.state)}
  if log.counted then
    list[#list + 1] = 'd'
    list[#list + 1] = joined(log.drops)
  end
  for field, value in pairs(log.set) do
    list[#list + 1] = field
    list[#list + 1] = value
  end
  for field, value in pairs(log.put) do
    list[#list + 1] = field
    list[#list + 1] = value
  end
  send('HSET', log.where, list)
  local gone = {}
  for field in pairs(log.gone) do gone[#gone + 1] = field end
  send('HDEL', log.where, gone)
end
`;

/** Reading a log from a position on, page by page. */
export const PAGE: string = `
-- The sequences above a position that may stand in the log, in order: its fields where there are few of them.
local function sequencesAfter(log, after)
  local list = {}
  if log.state[HELD] == 0 then return list end
  if log.state[TAIL] - after <= 2 * log.state[HELD] + 64 then
    for sequence = after + 1, log.state[TAIL] do list[#list + 1] = sequence end
    return list
  end
  for _, field in ipairs(redis.call('HKEYS', log.where)) do
    local sequence = tonumber(field)
    if sequence and sequence > after then list[#list + 1] = sequence end
  end
  table.sort(list)
  return list
end
-- Says how far a page reaches, the tail, and the entries: sequence and value of each.
local function sayPage(log, after, most, mostBytes)
  local sequences = sequencesAfter(log, after)
  local through = log.state[TAIL]
  local entries = {}
  local bytes = 0
  local average = log.state[HELD] > 0 and log.state[BYTES] / log.state[HELD] or 0
  local block = math.min(most + 1, BLOCK, math.floor(mostBytes / math.max(average, 1)) + 2)
  local full = false
  for first = 1, #sequences, block do
    local fields = {}
    for n = first, math.min(first + block - 1, #sequences) do fields[#fields + 1] = digits(sequences[n]) end
    local values = fetch(log.where, fields)
    for n = 1, #fields do
      local value = values[n]
      if value then
        local size = weigh(value) or 0
        if #entries > 0 and (#entries >= 2 * most or bytes + size > mostBytes) then
          through = sequences[first + n - 1] - 1
          full = true
          break
        end
        bytes = bytes + size
        entries[#entries + 1] = fields[n]
        entries[#entries + 1] = value
      end
    end
    if full then break end
  end
  sayNumber(through)
  sayNumber(log.state[TAIL])
  sayNumber(#entries / 2)
  for n = 1, #entries do say(entries[n]) end
end
`;

/** Fields of lists of members: one field for few of them, numbered ones for many. */
export const MEMBERS: string = `
local SPLIT = 8192
local DEEPEST = 12
-- A list's field is 'L', its level, a space, how many members it has and ';'. At level 0 the members follow. Above, they
-- are spread over 2^level numbered fields by their number. A member is ';', its number, '/', its name, '/', its data.
local function parseList(value)
  local level, total, rest = string.match(value or 'L0 0;', '^L(%d+) (%d+);(.*)$')
  return tonumber(level), tonumber(total), rest
end
local function memberFields(field, level)
  local fields = {}
  for n = 0, 2 ^ level - 1 do fields[#fields + 1] = field .. '/' .. digits(n) end
  return fields
end
local function spread(members, field, level)
  local parts = {}
  for _, each in ipairs(memberFields(field, level)) do parts[each] = {} end
  for number, rest in string.gmatch(members, ';(%d+)(/[^;]*)') do
    local part = parts[field .. '/' .. digits(number % 2 ^ level)]
    part[#part + 1] = ';' .. number .. rest
  end
  local values = {}
  for each, list in pairs(parts) do values[each] = table.concat(list) end
  return values
end
-- Cuts the members out whose name begins so; what is left, and how many were cut.
local function cut(members, number, name)
  local found = 0
  local prefix = ';' .. number .. '/' .. name
  while true do
    local first, last = string.find(members, prefix, 1, true)
    if not first then return members, found end
    local ends = string.find(members, ';', last + 1, true)
    members = string.sub(members, 1, first - 1) .. (ends and string.sub(members, ends) or '')
    found = found + 1
  end
end
-- Puts and removes members: {field, number, name, data}, where data is nothing for one that goes. A name ends with the
-- part that tells one holder from the next: whoever comes replaces every holder before it; whoever goes, only itself.
changeMembers = function(where, changes)
  local bases, asked = {}, {}
  for _, change in ipairs(changes) do
    if not asked[change[1]] then
      asked[change[1]] = true
      bases[#bases + 1] = change[1]
    end
  end
  local lists, wanted = {}, {}
  for n, value in ipairs(fetch(where, bases)) do
    local level, total, rest = parseList(value)
    lists[bases[n]] = {level = level, total = total, parts = {[bases[n]] = rest}}
  end
  for _, change in ipairs(changes) do
    local level = lists[change[1]].level
    if level > 0 then
      local part = change[1] .. '/' .. digits(change[2] % 2 ^ level)
      if not lists[change[1]].parts[part] then
        lists[change[1]].parts[part] = ''
        wanted[#wanted + 1] = {change[1], part}
      end
    end
  end
  if #wanted > 0 then
    local fields = {}
    for n = 1, #wanted do fields[n] = wanted[n][2] end
    for n, value in ipairs(fetch(where, fields)) do lists[wanted[n][1]].parts[wanted[n][2]] = value or '' end
  end
  local deep = {}
  for _, change in ipairs(changes) do
    local field, number, name, data = change[1], change[2], change[3], change[4]
    local list = lists[field]
    local part = list.level > 0 and field .. '/' .. digits(number % 2 ^ list.level) or field
    local holder = data and string.match(name, '^[^/]*/') or name .. '/'
    local left, found = cut(list.parts[part], digits(number), holder)
    if data then left = left .. ';' .. digits(number) .. '/' .. name .. '/' .. data end
    list.parts[part] = left
    list.total = list.total - found + (data and 1 or 0)
    if #left > SPLIT and list.level < DEEPEST then deep[field] = true end
  end
  for field in pairs(deep) do
    local list = lists[field]
    local members = {list.level == 0 and list.parts[field] or ''}
    if list.level > 0 then
      local fields = memberFields(field, list.level)
      for n, value in ipairs(fetch(where, fields)) do
        members[#members + 1] = list.parts[fields[n]] or value or ''
      end
    end
    -- Several steps at once where much came at once.
    local all = table.concat(members)
    repeat list.level = list.level + 1 until list.level == DEEPEST or #all / 2 ^ list.level <= SPLIT / 2
    list.parts = spread(all, field, list.level)
  end
  local puts, gone = {}, {}
  for field, list in pairs(lists) do
    if list.total <= 0 then
      gone[#gone + 1] = field
      if list.level > 0 then
        for _, each in ipairs(memberFields(field, list.level)) do gone[#gone + 1] = each end
      end
    else
      local head = 'L' .. digits(list.level) .. ' ' .. digits(list.total) .. ';'
      for part, members in pairs(list.parts) do
        if part ~= field and members == '' then
          gone[#gone + 1] = part
        elseif part ~= field then
          puts[#puts + 1] = part
          puts[#puts + 1] = members
        end
      end
      puts[#puts + 1] = field
      puts[#puts + 1] = head .. (list.level == 0 and list.parts[field] or '')
    end
  end
  send('HSET', where, puts)
  send('HDEL', where, gone)
end
`;

/** Where the keys are that all logs of a database share, and what is changed in them. */
export const INDEX: string = `
-- Each shared key has a name and, unless it lives elsewhere, a place in KEYS. What cannot be done here is told in the
-- reply, for the caller to do: the key's name, the command, its arguments.
local shared = {}
local later = {}
local changeMembers
local function index(name, command, list)
  if #list == 0 then return end
  if shared[name] and command == 'CHANGE' then return changeMembers(shared[name], list) end
  if shared[name] then return send(command, shared[name], list) end
  if command == 'CHANGE' then
    local flat = {}
    for _, change in ipairs(list) do
      for n = 1, 4 do flat[#flat + 1] = change[n] or '' end
    end
    list = flat
  end
  later[#later + 1] = {name, command, list}
end
local function sayLater()
  sayNumber(#later)
  for _, each in ipairs(later) do
    say(each[1])
    say(each[2])
    sayNumber(#each[3])
    for _, value in ipairs(each[3]) do say(value) end
  end
end
-- A doorbell ends with what tells one ring from the next: the step's own number and one that the step moved, since a step
-- may come twice.
local rung, stamp = {}, 0
local function ring(node, name, moved) rung[node .. '/' .. name] = digits((stamp + moved) % 2 ^ 53) end
local function sendRings()
  local list = {}
  for member, each in pairs(rung) do
    list[#list + 1] = '0'
    list[#list + 1] = member .. '/' .. each
  end
  index('rings', 'ZADD', list)
end
`;

/** Ending a log. Needs `INDEX` and `MEMBERS`. */
export const ENDING: string = `
-- Removes a log with its rows, and its members from the lists that its rows name: fields that begin with 's/'. Where the
-- lists live elsewhere, what is left over stands beside the log until somebody has removed it there.
local function finish(own, rows, holder, name, id)
  local changes, kept = {}, {}
  for _, field in ipairs(redis.call('HKEYS', rows)) do
    local part = string.match(field, '^s/(.*)$')
    if part then
      changes[#changes + 1] = {part, holder, name .. '/' .. id}
      kept[#kept + 1] = id .. '/' .. part
      kept[#kept + 1] = holder
    end
  end
  redis.call('DEL', own, rows)
  if shared.left then send('HSET', shared.left, kept) end
  index('members', 'CHANGE', changes)
end
`;

/** What is owed to others, kept in one hash: entries by number, and for each of their owners how many there are. */
export const OWED: string = `
-- Under the owner's name: the lowest number, the highest, how many. Under 'name/number': how far it has come, and to how
-- many it goes, or -1 while nobody has said. Under '.../m' and '.../r': what, and to whom.
local function owe(name, number, cursor, total, what, whom, now)
  local where = shared.owed
  local known = numbers(redis.call('HGET', where, name) or '', 3)
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

function upper(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
