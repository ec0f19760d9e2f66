-- Reads reported messages, those with the most reporters first, and drops the reports of messages that are gone.
-- KEYS: the room's, then the reports.
-- args: limit (messages), history_age_ms.
-- Returns a list: the number of all reported messages, then the id and the reports (JSON) of each.
local reports = KEYS[14]
local listed = {}
local fields = redis.call('HGETALL', reports)
for i = 1, #fields, 2 do
  local id = fields[i]
  local message = id ~= '' and find(id)
  if message and message.body and not is_removed(message) and not is_old(message.at) then
    listed[#listed + 1] = { id = id, text = fields[i + 1], reporters = #cjson.decode(fields[i + 1]) }
  elseif id ~= '' then
    redis.call('HDEL', reports, id)
  end
end
table.sort(listed, function(one, other)
  if one.reporters ~= other.reporters then
    return one.reporters > other.reporters
  end
  return precedes(other.id, one.id)
end)
local reply = { digits(#listed) }
for i = 1, math.min(args.limit, #listed) do
  reply[#reply + 1] = listed[i].id
  reply[#reply + 1] = listed[i].text
end
return reply
