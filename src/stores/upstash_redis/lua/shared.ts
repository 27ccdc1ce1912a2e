/**
 * Keys that all logs share, and what is left to the caller where they live elsewhere.
 *
 * @module
 */

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

/** Ending a log; `place` is its member of the places that are counted, if it has one. Needs `INDEX` and `MEMBERS`. */
export const ENDING: string = `
-- Removes a log with its rows, and its members from the lists that its rows name: fields that begin with 's/'. Where the
-- lists live elsewhere, what is left over stands beside the log until somebody has removed it there.
local function finish(own, rows, fields, holder, name, id, place)
  if place then index('places', 'ZREM', {place}) end
  local changes, kept = {}, {}
  for _, field in ipairs(fields) do
    local part = string.match(field, '^s/(.*)$')
    if part then
      changes[#changes + 1] = {part, holder, name .. '/' .. id}
      kept[#kept + 1] = id .. '/' .. part
      kept[#kept + 1] = digits(stamp)
    end
  end
  redis.call('DEL', own, rows)
  if shared.left then send('HSET', shared.left, kept) end
  index('members', 'CHANGE', changes)
end
`;
