/**
 * The scripts that look for what does not fit together, and mend it.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";
import { LOG } from "./log.ts";
import { MEMBERS } from "./members.ts";
import { INDEX } from "./shared.ts";

/**
 * `fields`: some fields of a hash, wherever an earlier call ended.
 *
 * - KEYS: the hash. ARGV: where it ended, about how many. Answer: `f`, where this one ended, and field and value of each.
 */
export const FIELDS_OF: Script = {
  name: "fields",
  source: COMMON + `
local found = redis.call('HSCAN', KEYS[1], arg(), 'COUNT', arg())
say(found[1])
for _, value in ipairs(found[2]) do say(value) end
return reply('f')
`,
};

/**
 * `standing`: what stands in the shared keys.
 *
 * - KEYS: `owned`, `due`, `nodes`, `members`, `places`.
 * - ARGV: count, then of each the place of its key and a member; count, then field, number and name of members of lists.
 * - Answer: `f`, the score of each or nothing, the data of each or nothing.
 */
export const STANDING: Script = {
  name: "standing",
  source: COMMON + INDEX + MEMBERS + `
for n = 1, number() do
  local place, member = number(), arg()
  say(redis.call('ZSCORE', KEYS[place], member) or '')
end
for n = 1, number() do
  local field, spreadBy, name = arg(), number(), arg()
  local level, _, members = parseList(redis.call('HGET', KEYS[4], field) or nil)
  if level and level > 0 then
    members = redis.call('HGET', KEYS[4], field .. '/' .. digits(spreadBy % 2 ^ level)) or ''
  end
  local prefix = ';' .. digits(spreadBy) .. '/' .. name .. '/'
  local _, last = string.find(members or '', prefix, 1, true)
  say(last and string.match(members, '^[^;]*', last + 1) or '')
end
return reply('f')
`,
};

/**
 * `mend`: changes shared keys while a log stands as it was read.
 *
 * - KEYS: own log, `owned`, `due`, `nodes`, `members`, `places`.
 * - ARGV: identity or nothing for none, epoch, version; count, and of each the place of its key, command, count and
 *   arguments; count, and of each field, number, name and data of a member of a list, no data for one that goes.
 * - Answer: `c` done, `s` the log stands otherwise.
 */
export const MEND: Script = {
  name: "mend",
  source: COMMON + LOG + INDEX + MEMBERS + `
local id, epoch, version = arg(), number(), number()
local log = open(KEYS[1], {})
if id == '' then
  if log.id then return reply('s') end
elseif log.id ~= id or not log.state or log.state[EPOCH] ~= epoch or log.state[VERSION] ~= version then
  return reply('s')
end
for n = 1, number() do
  local place, command, list = number(), arg(), {}
  for m = 1, number() do list[m] = arg() end
  send(command, KEYS[place], list)
end
local changes = {}
for n = 1, number() do
  local change = {arg(), number(), arg(), arg()}
  if change[4] == '' then change[4] = nil end
  changes[n] = change
end
if #changes > 0 then changeMembers(KEYS[5], changes) end
return reply('c')
`,
};
