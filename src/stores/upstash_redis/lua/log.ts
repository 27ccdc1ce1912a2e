/**
 * Logs: opening them, what stands in them, reading them page by page.
 *
 * A log is one hash: `i` its identity, `s` its state (the numbers below), `d` counts of what was lost by reason, `n` the
 * node that owns it or nothing, `t` and `u` the latest batch and its answer, `h` the head, `k` its owner's token, `r` the
 * latest ones in short, oldest first, `w` what the latest acquire answered, `p` the binding, `y` its member of the places that are counted, `j` what became of it and of those before it under its name,
 * `q` the last sequence that came with terms, `c` a name too long for the
 * key, `m/` marks, `o=` what was taken from each source, and one field a sequence for what stands in it, which begins with its size, whether it is light (it gives way first), its
 * rank, group and slot where it has terms, and a semicolon.
 *
 * @module
 */
import { JOURNAL_CHARACTERS, JOURNAL_DROPS } from "../../../store/records/journal.ts";

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
  "taken",
  "markLow",
  "markHigh",
] as const;

/** A log: opening it, what stands in it, and writing it back. */
export const LOG: string = `
${STATE.map((name, index) => `local ${upper(name)} = ${index + 1}`).join("\n")}
local SIZE = ${STATE.length}
local FIELDS = {'i', 's', 'd', 'n', 't', 'u', 'q'}
-- Reads a log with some of its sequences and other fields. state is nothing when there is none, or it cannot be read.
local function open(where, more)
  local fields = {unpack(FIELDS)}
  for n = 1, #more do fields[#FIELDS + n] = more[n] end
  local v = fetch(where, fields)
  local log = {where = where, id = v[1], state = numbers(v[2], SIZE), drops = numbers(v[3]), node = v[4] or '',
    batch = v[5], answer = v[6], lastTerms = tonumber(v[7] or 0) or 0, seen = {}, put = {}, gone = {}, set = {}, counted = false}
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
  local bytes, light = string.match(value, '^(%d+) ([01])[ ;]')
  return tonumber(bytes), light == '1'
end
-- The rank, the group and the slot of an entry; those of one without terms stand for none.
local function termsOf(value)
  local rank, group, slot = string.match(value, '^%d+ [01] (%d) (%S+) ([^ ;]+);')
  return tonumber(rank or 0), group or '-', slot or '-'
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

/** The marks of a log: fields `m/` and a sequence, which its owner puts and removes. */
export const MARKS: string = `
-- Appends all marks to a list, each followed by its value. The state tells between which sequences they are.
local function addMarks(log, list)
  local low, high = log.state[MARK_LOW], log.state[MARK_HIGH]
  if high == 0 then return end
  local fields = {}
  if high - low <= BLOCK then
    for sequence = low, high do fields[#fields + 1] = 'm/' .. digits(sequence) end
  else
    for _, field in ipairs(redis.call('HKEYS', log.where)) do
      if string.sub(field, 1, 2) == 'm/' then fields[#fields + 1] = field end
    end
  end
  for n, value in ipairs(fetch(log.where, fields)) do
    if value then
      list[#list + 1] = fields[n]
      list[#list + 1] = value
    end
  end
end
`;

/** Which sequences of a log there are. */
export const SEQUENCES: string = `
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
  for field in pairs(log.put) do
    local sequence = tonumber(field)
    if sequence > after then list[#list + 1] = sequence end
  end
  table.sort(list)
  return list
end
`;

/** Reading a log from a position on, page by page. */
export const PAGE: string = `
${SEQUENCES}
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

/** Appending to field `j`: entries that each end with a semicolon; the oldest give way. Needs `LOG`. */
export const JOURNAL: string = `
local function withEntry(journal, entry)
  journal = (journal or '') .. entry
  while #journal > ${JOURNAL_CHARACTERS} do
    journal = string.sub(journal, (string.find(journal, ';', 1, true) or #journal) + 1)
  end
  return journal
end
-- An entry that tells of an end, with what was lost: a letter for each reason, and how many.
local function withLost(entry, drops)
  local told = ''
  for reason, lost in ipairs(drops) do
    local text = lost > 0 and string.char(64 + reason) .. digits(lost) or ''
    if #told + #text <= ${JOURNAL_DROPS} then told = told .. text end
  end
  if entry == '' or told == '' then return entry end
  return string.sub(entry, 1, -2) .. '/' .. told .. ';'
end
`;

function upper(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
