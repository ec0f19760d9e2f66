-- KEYS: the room's.
-- ARGV: since (an id, or ''), most messages that continue it, messages to begin anew with.
-- Answers: {epoch, head, v, total, '1' if the messages continue since, missed or '', total at the oldest entry,
-- entries as {id, total, at, body} (no body: hidden), people as a flat list of who, held}.
local since, most, newest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

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

local rows = {}
for i, entry in ipairs(entries) do
  rows[i] = { entry[1], value_of(entry, 'total'), value_of(entry, 'at'), value_of(entry, 'body') or '' }
end
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
-- The hidden entry counts as none: the first message after it is the first of all.
local oldest_total = tonumber(value_of(oldest, 'total')) + (value_of(oldest, 'body') and 0 or 1)
return {
  digits(room.epoch), room.head, digits(room.v), digits(room.total), continues and '1' or '0',
  missed and digits(missed) or '', digits(oldest_total), rows, redis.call('HGETALL', people),
}
