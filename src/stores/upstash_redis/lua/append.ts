/**
 * Appending within limits.
 *
 * @module
 */

import { SEQUENCES } from "./log.ts";

/**
 * Room under terms: a copy takes the place of those in its slot, keeps to the bounds of its group, and displaces no entry
 * of a higher rank. Needs `LOG`.
 */
const TERMS: string = `
${SEQUENCES}
-- What stands above the limit, in order.
local function waitingIn(log)
  local sequences, list = sequencesAfter(log, log.state[LIMIT]), {}
  local block = 200
  for first = 1, #sequences, block do
    local fields = {}
    for n = first, math.min(first + block - 1, #sequences) do fields[#fields + 1] = digits(sequences[n]) end
    local values = fetch(log.where, fields)
    for n = 1, #fields do
      local value = log.put[fields[n]] or (not log.gone[fields[n]] and values[n])
      local bytes, light
      if value then bytes, light = weigh(value) end
      if bytes then
        local rank, group, slot = termsOf(value)
        list[#list + 1] = {sequence = sequences[first + n - 1], bytes = bytes, light = light, rank = rank, group = group, slot = slot}
      end
    end
  end
  return list
end
-- Lets entries leave for a reason, lower ranks first and light ones before others, until enough have left: whether they did.
local function leave(list, entry, need, reason, found)
  if need.entries <= 0 and need.bytes <= 0 then return true end
  for rank = 0, entry.rank do
    for pass = 1, entry.light and 1 or 2 do
      for _, each in ipairs(list) do
        if not each.leaves and each.rank == rank and each.light == (pass == 1) then
          each.leaves = true
          found[#found + 1] = {each.sequence, each.bytes, reason}
          need.entries = need.entries - 1
          need.bytes = need.bytes - each.bytes
          if need.entries <= 0 and need.bytes <= 0 then return true end
        end
      end
    end
  end
  return false
end
-- What leaves so that an entry fits; or nil, and why it does not.
local function roomUnderTerms(log, entry, limits, reasons)
  local list, found = waitingIn(log), {}
  local terms = entry.terms
  if terms and terms.slot ~= '-' then
    for _, each in ipairs(list) do
      if each.slot == terms.slot and each.rank <= entry.rank and (each.light or not entry.light) then
        each.leaves = true
        found[#found + 1] = {each.sequence, each.bytes, reasons.replaced}
      end
    end
  end
  if terms and terms.group ~= '-' then
    local members = {}
    local need = {entries = 1 - terms.entries, bytes = entry.bytes - terms.bytes}
    for _, each in ipairs(list) do
      if each.group == terms.group and not each.leaves then
        members[#members + 1] = each
        need.entries = need.entries + 1
        need.bytes = need.bytes + each.bytes
      end
    end
    local fits = need.entries <= 0 and need.bytes <= 0
    if not fits and not (terms.givesWay and leave(members, entry, need, reasons.groupOldest, found)) then
      return nil, reasons.groupNewest
    end
  end
  local need = {entries = log.state[HELD] + 1 - limits.entries, bytes = log.state[BYTES] + entry.bytes - limits.bytes}
  for _, each in ipairs(found) do
    need.entries = need.entries - 1
    need.bytes = need.bytes - each[2]
  end
  local fits = need.entries <= 0 and need.bytes <= 0
  if not fits and not (limits.givesWay and leave(list, entry, need, reasons.oldest, found)) then
    return nil, reasons.newest
  end
  return found
end
`;

/** Appends to opened logs, and makes room where the limits ask for it. Needs `LOG` and `INDEX`. */
export const APPEND: string = `
${TERMS}
-- Where a walk begins: behind what an earlier one found gone, if it began no later than this one would.
local function startOf(log, from, to)
  local limit = log.state[LIMIT]
  if limit >= log.state[from] and limit < log.state[to] then return log.state[from], log.state[to] end
  return limit, limit
end
-- Gathers entries above the limit that may give way, in order, until enough is gathered: true, and where it stopped.
local function gather(log, need, first, last, light, found)
  local block = 50
  for start = first, last, block do
    local fields = {}
    for sequence = start, math.min(start + block - 1, last) do fields[#fields + 1] = digits(sequence) end
    local values = fetch(log.where, fields)
    for n = 1, #fields do
      local field = fields[n]
      local value = log.put[field] or (not log.gone[field] and values[n])
      if value then
        local bytes, isLight = weigh(value)
        if bytes and isLight == light then
          found[#found + 1] = {start + n - 1, bytes}
          need.entries = need.entries - 1
          need.bytes = need.bytes - bytes
          if need.entries <= 0 and need.bytes <= 0 then return true, start + n - 1 end
        end
      end
    end
  end
  return false, last
end
-- What gives way so that an entry fits: nothing, some, or nil when no room can be made. Light ones go first, and a light
-- entry takes no other's place.
local function room(log, bytes, light, limits)
  local need = {entries = log.state[HELD] + 1 - limits.entries, bytes = log.state[BYTES] + bytes - limits.bytes}
  if need.entries <= 0 and need.bytes <= 0 then return {} end
  if not limits.givesWay or bytes > limits.bytes or limits.entries < 1 then return nil end
  local found = {}
  local from, to = startOf(log, LIGHT_FROM, LIGHT_TO)
  local enough, stopped = gather(log, need, to + 1, log.state[LIGHT], true, found)
  local after = {[LIGHT_FROM] = from, [LIGHT_TO] = math.max(stopped, to)}
  -- Where nothing light was found, nobody has to look again.
  if #found == 0 then log.state[LIGHT_FROM], log.state[LIGHT_TO] = from, math.max(stopped, to) end
  if not enough then
    if light then return nil end
    from, to = startOf(log, GONE_FROM, GONE_TO)
    enough, stopped = gather(log, need, to + 1, log.state[TAIL], false, found)
    if not enough then return nil end
    after[GONE_FROM] = from
    after[GONE_TO] = math.max(stopped, to)
  end
  for name, value in pairs(after) do log.state[name] = value end
  return found
end
-- Appends an entry: 'a' with its sequence, the owner and how many gave way (beside them those of its slot and its group, if any), 'd' with the reason why not, or 'e' when the
-- log is another one by now. Light ones may be for owned logs alone.
local function append(log, entry, limits, reasons, silent)
  if not log.id or log.id ~= entry.id then return {'e'} end
  if not log.state then return {'d', reasons.unreadable} end
  local isTheirs = not entry.token or (log.node ~= '' and (log.set.k or log.seen.k) == entry.token)
  if not isTheirs or (entry.ownedOnly and log.node == '') then
    count(log, reasons.unowned)
    return {'d', reasons.unowned}
  end
  local victims, refusal
  local isFull = log.state[HELD] >= limits.entries or log.state[BYTES] + entry.bytes > limits.bytes
  if entry.terms or isFull and log.lastTerms > log.state[LIMIT] then
    victims, refusal = roomUnderTerms(log, entry, limits, reasons)
  else
    victims, refusal = room(log, entry.bytes, entry.light, limits), reasons.newest
  end
  if not victims then
    count(log, refusal)
    return {'d', refusal}
  end
  local sequence = log.state[TAIL] + 1
  local left = {[reasons.replaced] = 0, [reasons.groupOldest] = 0, [reasons.oldest] = 0}
  for _, victim in ipairs(victims) do
    local reason = victim[3] or reasons.oldest
    take(log, victim[1], victim[2])
    count(log, reason)
    left[reason] = left[reason] + 1
  end
  log.state[TAIL] = sequence
  log.state[HELD] = log.state[HELD] + 1
  log.state[BYTES] = log.state[BYTES] + entry.bytes
  if entry.light then log.state[LIGHT] = sequence end
  local terms = ''
  if entry.terms then
    terms = ' ' .. digits(entry.rank) .. ' ' .. entry.terms.group .. ' ' .. entry.terms.slot
    log.lastTerms = sequence
    log.set.q = digits(sequence)
  end
  log.put[digits(sequence)] = digits(entry.bytes) .. ' ' .. (entry.light and '1' or '0') .. terms .. ';' .. entry.value
  if log.node ~= '' and log.node ~= silent then ring(log.node, entry.name, sequence) end
  local answer = {'a', sequence, log.node, left[reasons.oldest]}
  if #victims > left[reasons.oldest] then
    answer[5], answer[6] = left[reasons.replaced], left[reasons.groupOldest]
  end
  return answer
end
`;
