-- Reads a page of history.
-- KEYS: the room's.
-- args: history_age_ms, before, after or around (an id; none: the newest), count (positions to read).
-- Returns a list: whether the cursor's id is in the log ('1' or '0'), the number of positions up to the cursor (around only),
--   then id, total, at and body (empty: hidden; after '-': deleted) of each position, in the direction of the cursor;
--   around: oldest first.
if args.history_age_ms then
  trim_by_age()
end
local cursor = args.before or args.after or args.around
local found = not cursor or find(cursor)
local listed, before = {}, 0

-- The positions on one side of an id that is not in the log. A range may begin at it: Redis refuses '(0-0' as an end.
local function list_beside_unknown()
  if args.after then
    local near = redis.call('XREVRANGE', log, cursor, '-', 'COUNT', 1)[1]
    return list_after(cursor, near and tonumber(value_of(near, 'total')) or -1, args.count)
  end
  local near = redis.call('XRANGE', log, cursor, '+', 'COUNT', 1)[1]
  return list_before(cursor, near and tonumber(value_of(near, 'total')) or room.total + 1, args.count)
end

if args.around and found then
  local earlier = list_before('(' .. cursor, found.total, args.count)
  before = #earlier
  for i = #earlier, 1, -1 do
    listed[#listed + 1] = earlier[i]
  end
  listed[#listed + 1] = found
  for _, message in ipairs(list_after('(' .. cursor, found.total, args.count)) do
    listed[#listed + 1] = message
  end
elseif args.after and found then
  listed = list_after('(' .. cursor, found.total, args.count)
elseif args.before and found then
  listed = list_before('(' .. cursor, found.total, args.count)
elseif args.after or args.before then
  for _, message in ipairs(list_beside_unknown()) do
    if precedes(message.id, cursor) == (args.before ~= nil) then
      listed[#listed + 1] = message
    end
  end
elseif not cursor then
  listed = list_before('+', room.total + 1, args.count)
end
local reply = { found and '1' or '0', digits(before) }
for _, message in ipairs(listed) do
  reply[#reply + 1] = message.id
  reply[#reply + 1] = digits(message.total)
  reply[#reply + 1] = digits(message.at)
  reply[#reply + 1] = not is_old(message.at) and message.body or ''
end
return reply
