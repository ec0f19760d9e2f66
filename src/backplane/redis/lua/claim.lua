-- Claims a name for a session until it joins.
-- KEYS: the room's, then the claim of the name.
-- args: session, name_key, address (its hash, or absent), hold_ms (absent: change nothing), outranks (the session takes the name from a person who typed
--   it), closed_ms (see end_session).
-- Returns: outcome 'mine' | 'held' (left_ms; absent while its person is in the room) | 'banned' (wait_ms).
local claim = KEYS[14]

local banned = person_banned_ms(args.name_key, args.address)
if banned then
  return cjson.encode({ outcome = 'banned', wait_ms = digits(banned) })
end
local owner = redis.call('GET', claim)
if owner == '-' then
  -- Its session has just ended.
  owner = nil
end
local is_typed = owner and owner:sub(1, 4) ~= 'bot-' and owner:sub(1, 4) ~= 'sub-'
if args.outranks and args.hold_ms and owner ~= args.session and is_typed then
  end_session(claim, args.name_key, owner)
  owner = nil
end
if owner ~= args.session then
  -- A person in the room keeps their name even if the claim was lost.
  if redis.call('HEXISTS', people, args.name_key) == 1 then
    return '{"outcome":"held"}'
  elseif owner then
    return cjson.encode({ outcome = 'held', left_ms = digits(math.max(0, redis.call('PTTL', claim))) })
  end
end
if not args.hold_ms then
  return '{"outcome":"mine"}'
elseif owner then
  -- Never shortened: a session that has joined holds its name for longer.
  redis.call('PEXPIRE', claim, args.hold_ms, 'GT')
else
  redis.call('SET', claim, args.session, 'PX', args.hold_ms)
end
return '{"outcome":"mine"}'
