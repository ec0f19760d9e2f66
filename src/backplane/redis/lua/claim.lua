-- KEYS: the room's, then name:<who>.
-- ARGV: session, who, name hold in ms.
-- Answers: 'mine' | 'held'.
local session, who, hold = ARGV[1], ARGV[2], ARGV[3]

local owner = redis.call('GET', KEYS[8])
if owner and owner ~= session then
  return 'held'
end
-- Somebody in the room keeps their name even if the claim was lost.
if not owner and redis.call('HEXISTS', people, who) == 1 then
  return 'held'
end
redis.call('SET', KEYS[8], session, 'PX', hold)
return 'mine'
