-- Puts a person's report of a message on record, unless they have reported it before.
-- KEYS: the room's, then the reports, then the time (µs) at which the person's next report is due.
-- args: id, who (the key of the reporter's name), name, reason (or absent), every_us, ahead_us (the pace of a person's reports),
--   messages_kept, reporters_kept, bytes_kept (of the reports of one message), history_age_ms.
-- Returns: outcome 'done' | 'gone' | 'limited' (wait_ms).
local reports, due_at = KEYS[14], KEYS[15]
local message = find(args.id)
if not message or not message.body or is_removed(message) or is_old(message.at) then
  return '{"outcome":"gone"}'
end
local stored = redis.call('HGET', reports, args.id)
local entries = stored and cjson.decode(stored) or {}
for _, entry in ipairs(entries) do
  if entry.who == args.who then
    return '{"outcome":"done"}'
  end
end

local due = math.max(tonumber(redis.call('GET', due_at) or now_us), now_us)
local wait = due - now_us - args.ahead_us
if wait > 0 then
  return cjson.encode({ outcome = 'limited', wait_ms = digits(math.ceil(wait / 1000)) })
end
due = due + args.every_us
redis.call('SET', due_at, digits(due), 'PX', math.ceil((due - now_us) / 1000))

-- The reports with this one, if they fit.
local function with(reason)
  entries[#entries + 1] = { who = args.who, name = args.name, at = digits(math.floor(now_us / 1000)), reason = reason }
  local text = cjson.encode(entries)
  if #entries <= args.reporters_kept and #text <= args.bytes_kept then
    return text
  end
  entries[#entries] = nil
end
local text = with(args.reason) or with(nil)
if not text then
  return '{"outcome":"done"}'
end
redis.call('HSET', reports, args.id, text)
note_reported(reports, args.id)
if stored then
  return '{"outcome":"done"}'
end

local fields, count, least = redis.call('HGETALL', reports), 0, nil
for i = 1, #fields, 2 do
  if fields[i] ~= '' then
    count = count + 1
    local reporters = #cjson.decode(fields[i + 1])
    local is_less = not least or reporters < least.reporters or reporters == least.reporters and precedes(fields[i], least.id)
    if fields[i] ~= args.id and is_less then
      least = { id = fields[i], reporters = reporters }
    end
  end
end
if count > args.messages_kept then
  redis.call('HDEL', reports, least.id)
end
return '{"outcome":"done"}'
