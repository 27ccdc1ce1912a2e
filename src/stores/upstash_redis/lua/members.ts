/**
 * Lists of members in the fields of one hash.
 *
 * @module
 */

/** Fields of lists of members: one field for few of them, numbered ones for many. */
export const MEMBERS: string = `
local SPLIT = 8192
local DEEPEST = 12
local FEW = 16
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
    if level and level <= DEEPEST then lists[bases[n]] = {level = level, total = total, parts = {[bases[n]] = rest}} end
  end
  -- A list that cannot be read stays as it is: an error half-way would leave the rest undone.
  local possible = {}
  for _, change in ipairs(changes) do
    if lists[change[1]] then possible[#possible + 1] = change end
  end
  changes = possible
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
    if #left > SPLIT and list.level < DEEPEST then deep[field] = 1 end
  end
  for field, list in pairs(lists) do
    if list.level > 0 and list.total > 0 and list.total <= FEW and not deep[field] then deep[field] = 0 end
  end
  for field, step in pairs(deep) do
    local list = lists[field]
    local members = {list.level == 0 and list.parts[field] or ''}
    if list.level > 0 then
      local fields = memberFields(field, list.level)
      for n, value in ipairs(fetch(where, fields)) do
        members[#members + 1] = list.parts[fields[n]] or value or ''
      end
    end
    -- Several steps at once where much came at once, and back to one field where few are left.
    local all = table.concat(members)
    local before = list.level
    list.level = step == 0 and #all <= SPLIT and 0 or before + step
    while list.level > 0 and list.level < DEEPEST and #all / 2 ^ list.level > SPLIT / 2 do list.level = list.level + 1 end
    list.parts = list.level > 0 and spread(all, field, list.level) or {[field] = all}
    if list.level < before then
      for _, each in ipairs(memberFields(field, before)) do list.parts[each] = '' end
    end
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
