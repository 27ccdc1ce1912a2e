/**
 * The scripts of one log that read, and set aside what cannot be read.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";
import { LOG, MARKS, PAGE } from "./log.ts";

/**
 * `read`: a log and its rows, without owning them.
 *
 * - KEYS: own log, rows, and `nodes` or nothing.
 * - Answer: `n` nothing, `x` a record is none, `f` identity, epoch, version, limit, held, bytes, lost by reason, token, node,
 *   head, kept name, lease of the node or nothing, rows.
 */
export const READ: Script = {
  name: "read",
  source: COMMON + LOG + MARKS + `
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
addMarks(log, rows)
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
    if log.seen[field] and visible(log.seen[field]) == values[n] and not log.gone[field] then
      take(log, tonumber(field), weigh(values[n]) or 0)
      count(log, reason)
      kept[#kept + 1] = 'x/' .. field
      kept[#kept + 1] = log.seen[field]
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
