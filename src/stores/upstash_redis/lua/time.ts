/**
 * The scripts of what is due, of nodes and their leases, and of doorbells.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";

/**
 * `due`: what is due, and the nodes whose lease has run out with what they own; nodes that own nothing are removed.
 *
 * - KEYS: `due`, `nodes`, `owned`, `rings`. ARGV: now, how long past its lease a node is waited for, how many.
 * - Answer: `f`, count and pairs of member and moment, count of nodes, and of each its name, lease, count and members.
 */
export const DUE: Script = {
  name: "due",
  source: COMMON + `
local now, grace, most = number(), number(), number()
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, most)
sayNumber(#found)
for _, value in ipairs(found) do say(value) end
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', digits(now - grace), 'WITHSCORES')
sayNumber(#lapsed / 2)
for n = 1, #lapsed, 2 do
  local first, last = '[' .. lapsed[n] .. '/', '(' .. lapsed[n] .. '0'
  local owned = redis.call('ZRANGEBYLEX', KEYS[3], first, last, 'LIMIT', 0, most)
  if #owned == 0 then
    redis.call('ZREM', KEYS[2], lapsed[n])
    redis.call('ZREMRANGEBYLEX', KEYS[4], first, last)
  end
  say(lapsed[n])
  say(lapsed[n + 1])
  sayNumber(#owned)
  for _, value in ipairs(owned) do say(value) end
end
return reply('f')
`,
};

/**
 * `next`: the first moment at which something is due, or a lease ends whose node owns something.
 *
 * - KEYS: `due`, `nodes`, `owned`. Answer: `f` and the moment, or nothing.
 */
export const NEXT_DUE: Script = {
  name: "next",
  source: COMMON + `
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local moment = first and tonumber(first)
if moment == math.huge then moment = nil end
local nodes = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for n = 1, #nodes, 2 do
  local lease = tonumber(nodes[n + 1])
  if moment and moment <= lease then break end
  if #redis.call('ZRANGEBYLEX', KEYS[3], '[' .. nodes[n] .. '/', '(' .. nodes[n] .. '0', 'LIMIT', 0, 1) > 0 then
    moment = lease
    break
  end
end
say(moment and digits(moment) or '')
return reply('f')
`,
};

/**
 * `renew`: until when a node lives. 0 releases it: it goes once it owns nothing.
 *
 * - KEYS: `nodes`, `owned`, `rings`. ARGV: node, moment. Answer: `c`.
 */
export const RENEW: Script = {
  name: "renew",
  source: COMMON + `
local node, moment = arg(), arg()
local first, last = '[' .. node .. '/', '(' .. node .. '0'
if moment == '0' and #redis.call('ZRANGEBYLEX', KEYS[2], first, last, 'LIMIT', 0, 1) == 0 then
  redis.call('ZREM', KEYS[1], node)
  redis.call('ZREMRANGEBYLEX', KEYS[3], first, last)
else
  redis.call('ZADD', KEYS[1], moment, node)
end
return reply('c')
`,
};

/**
 * `leases`: until when each node lives.
 *
 * - KEYS: `nodes`. Answer: `f`, and name and moment of each.
 */
export const LEASES: Script = {
  name: "leases",
  source: COMMON + `
for _, value in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do say(value) end
return reply('f')
`,
};

/**
 * `rings`: which doorbells of a node were rung. Those told last time go: each ring is a member of its own, so that a
 * repeated call loses none.
 *
 * - KEYS: `rings`. ARGV: node, the most, members told last time.
 * - Answer: `f`, and the members.
 */
export const RINGS: Script = {
  name: "rings",
  source: COMMON + `
local node, most = arg(), number()
local told = {}
for n = 1, number() do told[n] = arg() end
send('ZREM', KEYS[1], told)
local members = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. node .. '/', '(' .. node .. '0', 'LIMIT', 0, most)
for _, member in ipairs(members) do say(member) end
return reply('f')
`,
};
