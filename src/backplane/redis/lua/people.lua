-- Reads a portion of the people.
-- KEYS: the room's.
-- args: cursor (of HSCAN), count (fields to visit, about).
-- Returns a list: the epoch, the next cursor ('0' after the last portion), then field and value in turn.
local scanned = redis.pcall('HSCAN', people, args.cursor, 'COUNT', args.count)
if scanned.err then
  -- The ACL of an older version permits no HSCAN.
  scanned = { '0', redis.call('HGETALL', people) }
end
local reply = { digits(room.epoch), scanned[1] }
for i, text in ipairs(scanned[2]) do
  reply[i + 2] = text
end
return reply
