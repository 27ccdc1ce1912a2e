/**
 * The scripts of values that are kept by name: each name once, in order, within limits, some of them until a moment.
 *
 * A value stands as `moment end size text`, the end `-` for none. All names are members of a list in order, those with an
 * end of another one by it; how much all of them count for, and the latest call of each writer, stand in a hash.
 *
 * @module
 */
import type { Script } from "../transport.ts";
import { COMMON } from "./common.ts";

/** Reading the words in front of a value. */
const WORDS = `
local function wordsOf(value)
  local moment, last, size = string.match(value or '', '^(%d+) (%S+) (%d+) ')
  return tonumber(moment), tonumber(last), tonumber(size) or 0
end
`;

/** Writers of which nothing was heard for so long are forgotten, once there are so many. */
const WRITERS = `
local FORGOTTEN_AFTER, MANY = 86400000, 256
local function isLate(writer, number, now)
  local field = 'w/' .. writer
  local latest = tonumber(string.match(redis.call('HGET', KEYS[4], field) or '', '^%d+'))
  if latest and latest >= number then return true end
  redis.call('HSET', KEYS[4], field, digits(number) .. ' ' .. digits(now))
  if redis.call('HLEN', KEYS[4]) <= MANY then return false end
  local all, old = redis.call('HGETALL', KEYS[4]), {}
  for n = 1, #all, 2 do
    local heard = tonumber(string.match(all[n + 1], '^%d+ (%d+)$'))
    if heard and heard + FORGOTTEN_AFTER < now then old[#old + 1] = all[n] end
  end
  send('HDEL', KEYS[4], old)
  return false
end
`;

/**
 * `keep`: puts values, or removes them where the text is empty. A call that comes behind a later one of its writer does
 * nothing.
 *
 * - KEYS: values, names, ends, counts. ARGV: writer, the number of its call, now, the most values and the most that they
 *   may count for, or nothing; count, and of each its name, moment, end or `-`, size, whether it yields to a later moment,
 *   and its text.
 * - Answer: `c` and a word for each: `s` it stands, `r` nothing does, `o` a later one does, `f` there is no room; or `l` for
 *   a call that came late.
 */
export const KEEP: Script = {
  name: "keep",
  source: COMMON + WORDS + WRITERS + `
local writer, order, now = arg(), number(), number()
if isLate(writer, order, now) then return reply('l') end
local mostValues, mostSize = number() or math.huge, number() or math.huge
local names, given = {}, {}
for n = 1, number() do
  names[n] = arg()
  given[n] = {moment = number(), last = arg(), size = number(), yields = arg() == '1', text = arg()}
end
local before = fetch(KEYS[1], names)
local count = redis.call('HLEN', KEYS[1])
local total = tonumber(redis.call('HGET', KEYS[4], 'size') or '0')
local put, added, ends, gone, unending = {}, {}, {}, {}, {}
for n, name in ipairs(names) do
  local each, old = given[n], before[n]
  local moment, last, size = wordsOf(old)
  if each.yields and moment and moment > each.moment then say('o')
  elseif each.text == '' then
    if old then
      gone[#gone + 1] = name
      count, total = count - 1, total - size
      if last then unending[#unending + 1] = name end
    end
    say('r')
  elseif (not old and count + 1 > mostValues) or (each.size > size and total + each.size - size > mostSize) then say('f')
  else
    put[#put + 1] = name
    put[#put + 1] = digits(each.moment) .. ' ' .. each.last .. ' ' .. digits(each.size) .. ' ' .. each.text
    if not old then
      count = count + 1
      added[#added + 1] = '0'
      added[#added + 1] = name
    end
    total = total + each.size - size
    if each.last ~= '-' then
      ends[#ends + 1] = each.last
      ends[#ends + 1] = name
    elseif last then unending[#unending + 1] = name end
    say('s')
  end
end
send('HSET', KEYS[1], put)
send('ZADD', KEYS[2], added)
send('ZADD', KEYS[3], ends)
send('HDEL', KEYS[1], gone)
send('ZREM', KEYS[2], gone)
send('ZREM', KEYS[3], unending)
redis.call('HSET', KEYS[4], 'size', digits(math.max(total, 0)))
return reply('c')
`,
};

/**
 * `kept`: a page of the values whose names stand in a range and fit one of some patterns. Names that hold a `~` are cut
 * short, and always fit.
 *
 * - KEYS: values, names. ARGV: the range, now, how many names to look at, the most values and the most that they may count
 *   for beyond one, count and patterns.
 * - Answer: `f`, the last name that was looked at if there may be more, count, and of each its name and value.
 */
export const KEPT: Script = {
  name: "kept",
  source: COMMON + WORDS + `
local first, final, now, looks, most, mostSize = arg(), arg(), number(), number(), number(), number()
local patterns = {}
for n = 1, number() do patterns[n] = arg() end
local function fits(name)
  if string.find(name, '~', 1, true) then return true end
  for _, pattern in ipairs(patterns) do
    if string.find(name, pattern) then return true end
  end
  return false
end
local found, sum, reached, isFull, isEnd = {}, 0, '', false, false
while not isFull and not isEnd and looks > 0 do
  local asked = math.min(looks, 250)
  local names = redis.call('ZRANGEBYLEX', KEYS[2], first, final, 'LIMIT', 0, asked)
  isEnd = #names < asked
  looks = looks - #names
  local place = 1
  while place <= #names and not isFull do
    local hits, places = {}, {}
    local after = place
    while after <= #names and #hits < 32 do
      if fits(names[after]) then
        hits[#hits + 1] = names[after]
        places[#places + 1] = after
      end
      after = after + 1
    end
    local values = fetch(KEYS[1], hits)
    for n, value in ipairs(values) do
      if isFull then break end
      local moment, last, size = wordsOf(value)
      if value and not (last and last <= now) then
        if #found > 0 and (#found / 2 >= most or sum + size > mostSize) then
          isFull = true
          reached = names[places[n] - 1] or reached
        else
          found[#found + 1] = hits[n]
          found[#found + 1] = value
          sum = sum + size
          reached = hits[n]
        end
      end
    end
    if not isFull then
      place = after
      reached = names[after - 1] or reached
    end
  end
  first = '(' .. reached
end
say((isFull or not isEnd) and reached or '')
sayNumber(#found / 2)
for _, text in ipairs(found) do say(text) end
return reply('f')
`,
};

/**
 * `expire`: removes values whose end has come.
 *
 * - KEYS: values, names, ends, counts. ARGV: now, the most. Answer: `c` and how many.
 */
export const EXPIRE: Script = {
  name: "expire",
  source: COMMON + WORDS + `
local now, most = number(), number()
local names = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', digits(now), 'LIMIT', 0, most)
local total = tonumber(redis.call('HGET', KEYS[4], 'size') or '0')
for _, value in ipairs(fetch(KEYS[1], names)) do
  local moment, last, size = wordsOf(value)
  total = total - size
end
send('HDEL', KEYS[1], names)
send('ZREM', KEYS[2], names)
send('ZREM', KEYS[3], names)
if #names > 0 then redis.call('HSET', KEYS[4], 'size', digits(math.max(total, 0))) end
sayNumber(#names)
return reply('c')
`,
};

/**
 * `totals`: how many values there are, and how much they count for.
 *
 * - KEYS: values, counts. Answer: `f` and both.
 */
export const TOTALS: Script = {
  name: "totals",
  source: COMMON + `
sayNumber(redis.call('HLEN', KEYS[1]))
say(redis.call('HGET', KEYS[2], 'size') or '0')
return reply('f')
`,
};
