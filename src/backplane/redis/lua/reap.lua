-- KEYS: the room's, then name:<who> of each person to release.
-- ARGV: inc, k, '1' if nobody is left after this call, name hold in ms, then who of each person to release.
-- Answers: 'alive' | 'done'.
local inc, k, last, hold = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local lease = redis.call('HGET', leases, inc)
if lease and lease:sub(-1) ~= 'x' then
  if lease:match('^%d+') ~= k then
    return 'alive'
  end
  redis.call('HSET', leases, inc, k .. 'x')
end

local left = {}
for i = 5, #ARGV do
  redis.call('PEXPIRE', KEYS[i + 6], hold)
  local name = release(ARGV[i], inc)
  if name then
    left[#left + 1] = { ARGV[i], name }
  end
end
tell_presence({}, left)
if last == '1' then
  redis.call('HDEL', leases, inc)
end
return 'done'
