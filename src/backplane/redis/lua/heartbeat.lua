-- KEYS: the room's, then name:<who> of each arrival and each departure.
-- ARGV: inc, k, 'd' if draining else '', name hold in ms, how old messages get in ms or '', number of arrivals, then who, name, session of each arrival
-- and who, session of each departure.
-- Answers: {'stale'} | {'gone', epoch} | {'beaten', epoch, head, v, refused whos, leases as a flat list, the time in us}.
local inc, k, draining, hold, age, arrivals = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

local lease = redis.call('HGET', leases, inc)
if lease then
  if lease:sub(-1) == 'x' then
    return { 'gone', digits(room.epoch) }
  end
  if tonumber(k) <= tonumber(lease:match('^%d+')) then
    return { 'stale' }
  end
elseif k ~= '1' then
  return { 'gone', digits(room.epoch) }
end
redis.call('HSET', leases, inc, k .. draining)

-- Adds an incarnation to those that hold somebody, in place of any that drain: whoever is here has moved on from them,
-- and need not stay listed for them once they leave.
local function joined_by(incs)
  local holders = {}
  for other in incs:gmatch('%S+') do
    if other ~= inc and (redis.call('HGET', leases, other) or ''):sub(-1) ~= 'd' then
      holders[#holders + 1] = other
    end
  end
  holders[#holders + 1] = inc
  return table.concat(holders, ' ')
end

local joined, left, refused = {}, {}, {}
local arg, claim = 7, 11

for _ = 1, arrivals do
  local who, name, session = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
  local owner = redis.call('GET', KEYS[claim])
  if (owner and owner ~= session) or banned_for(who) then
    refused[#refused + 1] = who
  else
    redis.call('SET', KEYS[claim], session, 'PX', hold)
    local shown, incs = held_of(who)
    if not shown then
      redis.call('HSET', people, who, name .. '\n' .. inc)
      joined[#joined + 1] = { who, name }
    elseif incs ~= inc then
      redis.call('HSET', people, who, shown .. '\n' .. joined_by(incs))
    end
  end
  arg, claim = arg + 3, claim + 1
end

while ARGV[arg] do
  local who, session = ARGV[arg], ARGV[arg + 1]
  if redis.call('GET', KEYS[claim]) == session then
    redis.call('PEXPIRE', KEYS[claim], hold)
  end
  local name = release(who, inc)
  if name then
    left[#left + 1] = { who, name }
  end
  arg, claim = arg + 2, claim + 1
end

tell_presence(joined, left)
forget_old(age)
tell('b', digits(room.epoch), digits(room.v), room.head, inc, k)
return { 'beaten', digits(room.epoch), room.head, digits(room.v), refused, redis.call('HGETALL', leases), digits(now_us) }
