-- Appends a message and publishes it; for a nonce stored before, returns its first id.
-- KEYS: the room's, then those of sending.lua.
-- args: those of sending.lua (the fingerprint is of the text), history (messages to keep), reply_to (an id, or absent), history_age_ms
--   (see log.lua).
-- ARGV[2]: body (JSON). Not a field of args: unescaping 2000 characters costs 20 % of a publish, the rest of args 4 %.
-- ARGV[3], with reply_to: body that answers.
-- Returns: outcome 'stored' | 'duplicate' (id) | 'fenced' | 'ended' | 'bad_nonce' | 'muted' (wait_ms) |
--   'read_only' (wait_ms, or absent) | 'repeated' (wait_ms) | 'limited' or, because the sender is new, 'newcomer' (wait_ms).
local reply = refusal() or duplicate() or silenced() or repeated() or too_early()
if reply then
  return reply
end

-- Whether a message can be answered. The newest stays in the log when it has expired.
local function is_stored(id)
  local oldest = args.history_age_ms and now_us / 1000 - args.history_age_ms or 0
  local record = redis.call('HGET', bodies, id)
  if record and record ~= '' then
    local message = cjson.decode(record)
    return message.body and message.body:sub(1, 1) ~= '-' and tonumber(message.at) >= oldest
  end
  local entry = redis.call('XRANGE', log, id, id)[1]
  local is_whole = entry and value_of(entry, 'body') and not redis.call('ZMSCORE', removed, id)[1]
  return is_whole and tonumber(value_of(entry, 'at')) >= oldest
end

local body = args.reply_to and is_stored(args.reply_to) and ARGV[3] or ARGV[2]

local at = math.max(room.at, math.floor(now_us / 1000))
local function append()
  local id = digits(room.epoch) .. '-' .. digits(room.n + 1)
  local added = redis.pcall('XADD', log, 'MAXLEN', '~', args.history, id, 'at', digits(at), 'total',
    digits(room.total + 1), 'by', args.session, 'body', body)
  return id, added
end
local id, added = append()
if type(added) == 'table' and added.err then
  -- The log has ids that meta does not know: another branch.
  begin_epoch()
  id, added = append()
  if type(added) == 'table' and added.err then
    return added
  end
end

local prev = room.head
redis.call('HSET', meta, 'n', digits(room.n + 1), 'head', id, 'at', digits(at), 'total', digits(room.total + 1))
remember_nonce(id)
remember_text()
publish('m', id, prev, digits(room.v), digits(at), body)
return cjson.encode({ outcome = 'stored', id = id })
