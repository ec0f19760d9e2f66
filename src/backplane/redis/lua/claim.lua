-- Claims a name for a session until it joins.
-- KEYS: the room's, then the claim of the name.
-- args: session, name_key, hold_ms.
-- Returns: outcome 'mine' | 'held' | 'banned' (wait_ms).
local claim = KEYS[14]

local banned = banned_ms(args.name_key)
if banned then
  return cjson.encode({ outcome = 'banned', wait_ms = digits(banned) })
end
local owner = redis.call('GET', claim)
if owner == '-' then
  -- Its session has just ended.
  owner = nil
end
if owner and owner ~= args.session then
  return '{"outcome":"held"}'
end
-- A person in the room keeps their name even if the claim was lost.
if not owner and redis.call('HEXISTS', people, args.name_key) == 1 then
  return '{"outcome":"held"}'
end
if owner then
  -- Never shortened: a session that has joined holds its name for longer.
  redis.call('PEXPIRE', claim, args.hold_ms, 'GT')
else
  redis.call('SET', claim, args.session, 'PX', args.hold_ms)
end
return '{"outcome":"mine"}'
