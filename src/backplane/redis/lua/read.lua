-- KEYS: the room's.
-- ARGV: since (an id, or ''), most messages that continue it, messages to begin anew with, how old messages get in ms or ''.
-- Answers: {epoch, head, v, total, '1' if the messages continue since, missed or '', total at the oldest entry,
-- entries as {id, total, at, body} (no body: hidden, '-': removed), people as a flat list of who, held, slow mode in ms,
-- notice or '', all ids that are removed}.
local since, most, newest, age = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
forget_old(age)

-- The last entry that is too old stays; what it says does not.
local function body_of(entry)
  return not is_old(entry, age) and value_of(entry, 'body')
end

local entries, continues, missed
if since ~= '' then
  local found = redis.call('XRANGE', log, since, '+', 'COUNT', most + 1)
  if found[1] and found[1][1] == since then
    missed = room.total - tonumber(value_of(found[1], 'total'))
    if missed <= most then
      continues = true
      table.remove(found, 1)
      entries = found
    end
  end
end
if not continues then
  local reversed = redis.call('XREVRANGE', log, '+', '-', 'COUNT', newest)
  entries = {}
  for i = #reversed, 1, -1 do
    entries[#entries + 1] = reversed[i]
  end
end

-- By what the log had held up to them.
local gone = redis.call('ZRANGE', removed, 0, -1)
local is_gone = {}
for _, id in ipairs(gone) do
  is_gone[id] = true
end

local rows = {}
for i, entry in ipairs(entries) do
  rows[i] = { entry[1], value_of(entry, 'total'), value_of(entry, 'at'), body_of(entry) and (is_gone[entry[1]] and '-' or body_of(entry)) or '' }
end
local set = redis.call('HMGET', rules, 'slow', 'notice')
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
-- A hidden entry counts as none: the first message after it is the first of all.
local oldest_total = tonumber(value_of(oldest, 'total')) + (body_of(oldest) and 0 or 1)
return {
  digits(room.epoch), room.head, digits(room.v), digits(room.total), continues and '1' or '0',
  missed and digits(missed) or '', digits(oldest_total), rows, redis.call('HGETALL', people),
  set[1] or '0', set[2] or '', gone,
}
