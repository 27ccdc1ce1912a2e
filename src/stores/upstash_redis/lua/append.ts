/**
 * Appending within limits.
 *
 * @module
 */

/** Appends to opened logs, and makes room where the limits ask for it. Needs `LOG` and `INDEX`. */
export const APPEND: string = `
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
-- Appends an entry: 'a' with its sequence, the owner and how many gave way, 'd' with the reason why not, or 'e' when the
-- log is another one by now. Light ones may be for owned logs alone.
local function append(log, entry, limits, reasons, silent)
  if not log.id or log.id ~= entry.id then return {'e'} end
  if not log.state then return {'d', reasons.unreadable} end
  local isTheirs = not entry.token or (log.node ~= '' and (log.set.k or log.seen.k) == entry.token)
  if not isTheirs or (entry.ownedOnly and log.node == '') then
    count(log, reasons.unowned)
    return {'d', reasons.unowned}
  end
  local victims = room(log, entry.bytes, entry.light, limits)
  if not victims then
    count(log, reasons.newest)
    return {'d', reasons.newest}
  end
  local sequence = log.state[TAIL] + 1
  for _, victim in ipairs(victims) do
    take(log, victim[1], victim[2])
    count(log, reasons.oldest)
  end
  log.state[TAIL] = sequence
  log.state[HELD] = log.state[HELD] + 1
  log.state[BYTES] = log.state[BYTES] + entry.bytes
  if entry.light then log.state[LIGHT] = sequence end
  log.put[digits(sequence)] = digits(entry.bytes) .. ' ' .. (entry.light and '1' or '0') .. ';' .. entry.value
  if log.node ~= '' and log.node ~= silent then ring(log.node, entry.name, sequence) end
  return {'a', sequence, log.node, #victims}
end
`;
