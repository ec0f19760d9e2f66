-- Edits or deletes a message of the sender's own, and publishes the change; for a nonce stored before, does nothing.
-- KEYS: the room's, then those of sending.lua, and last the reports.
-- args: those of sending.lua (the fingerprint is of the whole request), history_age_ms, id, window_ms (how long after its
--   time a message may be edited; 0 = not at all; absent: delete it).
-- ARGV[2], if window_ms is there: the text.
-- Returns: outcome 'stored' | 'duplicate' (id) | 'fenced' | 'ended' | 'bad_nonce' | 'muted' (wait_ms) | 'read_only' (wait_ms,
--   or absent; both for edits only) |
--   'repeated' (wait_ms) | 'limited' or 'newcomer' (wait_ms) | 'gone' | 'not_yours' | 'too_late'.
local reply = refusal() or duplicate() or args.window_ms and silenced()
if reply then
  return reply
end

local message = find(args.id)
if not message or not message.body or is_removed(message) or is_old(message.at) then
  return '{"outcome":"gone"}'
end
if message.by ~= args.session then
  return '{"outcome":"not_yours"}'
end
local now_ms = math.floor(now_us / 1000)
if args.window_ms and (args.window_ms == 0 or now_ms > message.at + args.window_ms) then
  return '{"outcome":"too_late"}'
end

-- A deletion does not wait in slow mode.
local is_slow = slow_ms * 1000 > args.every_us
reply = args.window_ms and repeated() or (args.window_ms or not is_slow) and too_early()
if reply then
  return reply
end

remember_nonce(args.id)
remember_text()
raise_version()
if args.window_ms then
  local body = cjson.decode(message.body)
  -- Later than the edit before it, even if the clock was set back.
  local edited_at = math.max(now_ms, body.edited_at and body.edited_at + 1 or message.at)
  body.text, body.edited_at, body.trace = ARGV[2], edited_at, nil
  replace_body(message, cjson.encode(body))
  publish_changes({}, message)
else
  replace_body(message, erased(message.body))
  redis.call('HDEL', KEYS[#KEYS], args.id)
  publish_changes({ args.id })
end
return cjson.encode({ outcome = 'stored', id = args.id })
