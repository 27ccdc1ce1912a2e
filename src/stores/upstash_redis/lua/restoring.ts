/**
 * The scripts that put a log in place whole: its fields first, apart, then all of it at once.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";
import { MEMBERS } from "./members.ts";
import { INDEX } from "./shared.ts";

/**
 * `stage`: puts fields of a hash that nobody looks at, and that ends by itself.
 *
 * - KEYS: the hash. ARGV: for how long it is kept, count, then field and value of each. Answer: `c`.
 */
export const STAGE: Script = {
  name: "stage",
  source: COMMON + `
local keeps, list = arg(), {}
for n = 1, 2 * number() do list[n] = arg() end
send('HSET', KEYS[1], list)
redis.call('PEXPIRE', KEYS[1], keeps)
return reply('c')
`,
};

/**
 * `restore`: puts what was staged in place of none.
 *
 * - KEYS: whatever the arguments give places of; place 0 stands for none.
 * - ARGV: places of `places`, `due`, `members`, `left`, the staged log and rows, own log, rows; stamp; how many fields were staged of
 *   each; fields of the log that come last; members of `due` with their scores; identity and changes of `members`; in how many
 *   milliseconds the keys end, or nothing; its member of the places that are counted, or nothing.
 * - Answer: `c` done, with what is to be done elsewhere, `e` there is one, with its identity, `m` what was staged has ended.
 */
export const RESTORE: Script = {
  name: "restore",
  source: COMMON + INDEX + MEMBERS + `
for _, each in ipairs({'places', 'due', 'members', 'left'}) do shared[each] = key() end
local stagedLog, stagedRows, own, rows = key(), key(), key(), key()
stamp = number()
local logFields, rowFields = number(), number()
local function list()
  local values = {}
  for n = 1, number() do values[n] = arg() end
  return values
end
local fields, duePuts = list(), list()
local id, changes = arg(), {}
for n = 1, number() do changes[n] = {arg(), arg(), arg(), arg()} end
local ends, place = arg(), arg()
if place ~= '' then
  fields[#fields + 1] = 'y'
  fields[#fields + 1] = place
end

local present = redis.call('HGET', own, 'i')
if present then
  say(present)
  return reply('e')
end
if redis.call('HLEN', stagedLog) ~= logFields or redis.call('HLEN', stagedRows) ~= rowFields then return reply('m') end
redis.call('DEL', own, rows)
send('HSET', stagedLog, fields)
redis.call('RENAME', stagedLog, own)
if rowFields > 0 then redis.call('RENAME', stagedRows, rows) end
for _, each in ipairs({own, rows}) do
  if ends == '' then redis.call('PERSIST', each) else redis.call('PEXPIRE', each, ends) end
end
if shared.left then
  local kept = {}
  for _, change in ipairs(changes) do
    kept[#kept + 1] = id .. '/' .. change[1]
    kept[#kept + 1] = digits(stamp)
  end
  send('HSET', shared.left, kept)
end
index('members', 'CHANGE', changes)
index('due', 'ZADD', duePuts)
if place ~= '' then index('places', 'ZADD', {'0', place}) end
sayLater()
return reply('c')
`,
};
