-- Reads the room, but for its people, in one step.
-- KEYS: the room's.
-- args: since (an id, or absent), missed_at_most (messages that may continue it), newest (messages otherwise),
--   history_age_ms (absent: any age).
-- Returns: position, total, continues (whether the rows follow since), missed (absent: since is not in the log),
--   oldest (the total at the oldest message), rows (id, total, at, body; absent: hidden, after '-': deleted), slow_ms, notice,
--   removed (all deleted ids).
trim_old()

-- The newest entry that is too old stays as a position, without its body.
local function body_of(entry)
  return not is_old(entry) and value_of(entry, 'body') or nil
end

local entries, continues, missed
if args.since then
  local found = redis.call('XRANGE', log, args.since, '+', 'COUNT', args.missed_at_most + 1)
  if found[1] and found[1][1] == args.since then
    missed = room.total - tonumber(value_of(found[1], 'total'))
    if missed <= args.missed_at_most then
      continues = true
      table.remove(found, 1)
      entries = found
    end
  end
end
if not continues then
  local reversed = redis.call('XREVRANGE', log, '+', '-', 'COUNT', args.newest)
  entries = {}
  for i = #reversed, 1, -1 do
    entries[#entries + 1] = reversed[i]
  end
end

-- Ordered by their place in the log.
local deleted = redis.call('ZRANGE', removed, 0, -1)
local is_deleted = {}
for _, id in ipairs(deleted) do
  is_deleted[id] = true
end

local rows = {}
for i, entry in ipairs(entries) do
  local id, body = entry[1], body_of(entry)
  rows[i] = {
    id = id, total = value_of(entry, 'total'), at = value_of(entry, 'at'),
    body = body and is_deleted[id] and '-' .. body or body,
  }
end
local set = redis.call('HMGET', rules, 'slow', 'notice')
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
-- A hidden entry counts as none: the first message after it is the oldest.
local oldest_total = tonumber(value_of(oldest, 'total')) + (body_of(oldest) and 0 or 1)
return cjson.encode({
  position = position(), total = digits(room.total), continues = continues or false, missed = missed and digits(missed),
  oldest = digits(oldest_total), rows = filled(rows), slow_ms = set[1] or '0', notice = set[2] or nil,
  removed = filled(deleted),
})
