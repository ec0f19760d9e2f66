-- Declares an incarnation dead, and releases some of the people it holds, or forgets it once it holds no one.
-- KEYS: the room's, then the people whom the incarnation holds, then the claim of each name in `names`, then where the last
--   address of each is kept.
-- args: incarnation, heartbeat_seq, name_hold_ms, address_memory_ms, names (name keys to release), last (forget the incarnation), reaper (an id of
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

-- How a person is stored whom no other incarnation holds: with this at the end.
local alone = '\n' .. args.incarnation

-- Removes the incarnation from the holders of a person. Returns whether it was one, and what is stored instead; '' = nothing.
local function holders_without(stored)
  if stored:sub(-#alone) == alone then
    return true, '', stored:sub(1, -#alone - 1)
  end
  local name, holders = stored:match('^(.-)\n(.*)$')
  local rest, was_held = {}, false
  for other in (holders or ''):gmatch('%S+') do
    if other == args.incarnation then
      was_held = true
    else
      rest[#rest + 1] = other
    end
  end
  return was_held, #rest > 0 and name .. '\n' .. table.concat(rest, ' ') or '', name
end

local left, gone = {}, {}
local stored = #args.names > 0 and redis.call('HMGET', people, unpack(args.names)) or {}
local addresses = #args.names > 0 and redis.call('HMGET', held, unpack(args.names)) or {}
for i, name_key in ipairs(args.names) do
  -- Released already if another instance was faster, or if the session ended.
  local was_held, instead, name = holders_without(stored[i] or '')
  if (addresses[i] or '') ~= '' then
    redis.call('SET', KEYS[14 + #args.names + i], addresses[i], 'PX', args.address_memory_ms)
  end
  if was_held then
    redis.call('PEXPIRE', KEYS[14 + i], args.name_hold_ms)
    if instead == '' then
      gone[#gone + 1] = name_key
      left[#left + 1] = { name_key, name }
    else
      redis.call('HSET', people, name_key, instead)
    end
  end
end
if #gone > 0 then
  redis.call('HDEL', people, unpack(gone))
end
if #args.names > 0 then
  redis.call('HDEL', held, unpack(args.names))
end
publish_presence({}, left)
-- A failover may have brought people back.
if args.last and #redis.call('HGETALL', held) <= 2 then
  redis.call('HDEL', leases, args.incarnation)
  redis.call('UNLINK', held)
  return '{"outcome":"forgotten"}'
end
return cjson.encode({ outcome = 'more', is_complete = turn and true or false })
