-- Declares an incarnation dead, and releases some of the people it holds, or forgets it once it holds no one.
-- KEYS: the room's, then the people whom the incarnation holds, then the claim of each name in `names`.
-- args: incarnation, heartbeat_seq, name_hold_ms, names (name keys to release), last (forget the incarnation), reaper (an id of
--   the caller: one at a time does it), turn_us (for how long after its last call).
-- Returns: outcome 'alive' | 'more' (it may hold people; is_complete: the hash has them all) | 'forgotten' (nothing is left of
--   it) | 'busy' (another caller does it).
local held = KEYS[14]

local lease = redis.call('HGET', leases, args.incarnation)
if not lease then
  return '{"outcome":"forgotten"}'
end
if lease:sub(-1) ~= 'x' then
  if tonumber(lease:match('^%d+')) ~= args.heartbeat_seq then
    return '{"outcome":"alive"}'
  end
  redis.call('HSET', leases, args.incarnation, digits(args.heartbeat_seq) .. 'x')
end

-- The hash has one field of its own, whose value is whose turn it is. Without a hash, an older version held the people.
local turn = redis.call('HGET', held, '')
if turn then
  local reaper, at = turn:match('^(%S+) (%d+)$')
  if reaper and reaper ~= args.reaper and now_us < tonumber(at) + args.turn_us then
    return '{"outcome":"busy"}'
  end
  redis.call('HSET', held, '', args.reaper .. ' ' .. digits(now_us))
end

local left = {}
for i, name_key in ipairs(args.names) do
  -- Released already if another instance was faster, or if the session ended.
  if is_held(name_key, args.incarnation) then
    redis.call('PEXPIRE', KEYS[14 + i], args.name_hold_ms)
    local name = release(name_key, args.incarnation)
    if name then
      left[#left + 1] = { name_key, name }
    end
  end
  redis.call('HDEL', held, name_key)
end
publish_presence({}, left)
-- A failover may have brought people back.
if args.last and #redis.call('HGETALL', held) <= 2 then
  redis.call('HDEL', leases, args.incarnation)
  redis.call('UNLINK', held)
  return '{"outcome":"forgotten"}'
end
return cjson.encode({ outcome = 'more', is_complete = turn and true or false })
