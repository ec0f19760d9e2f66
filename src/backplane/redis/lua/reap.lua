-- Declares an incarnation dead, and releases some of the people it held.
-- KEYS: the room's, then the claim of each name in `names`.
-- args: incarnation, heartbeat_seq, name_hold_ms, names (name keys to release), last (nobody is left after this call).
-- Returns: outcome 'alive' | 'done'.
local lease = redis.call('HGET', leases, args.incarnation)
if lease and lease:sub(-1) ~= 'x' then
  if tonumber(lease:match('^%d+')) ~= args.heartbeat_seq then
    return '{"outcome":"alive"}'
  end
  redis.call('HSET', leases, args.incarnation, digits(args.heartbeat_seq) .. 'x')
end

local left = {}
for i, name_key in ipairs(args.names) do
  redis.call('PEXPIRE', KEYS[10 + i], args.name_hold_ms)
  local name = release(name_key, args.incarnation)
  if name then
    left[#left + 1] = { name_key, name }
  end
end
publish_presence({}, left)
if args.last then
  redis.call('HDEL', leases, args.incarnation)
end
return '{"outcome":"done"}'
