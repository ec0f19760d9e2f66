-- KEYS: the room's, then name:<who>.
-- ARGV: session, who, in ms how long the name is held until the session comes in.
-- Answers: 'mine' | 'held'.
local session, who, hold = ARGV[1], ARGV[2], ARGV[3]

local owner = redis.call('GET', KEYS[8])
if owner == '-' then
  -- Its session has just ended.
  owner = nil
end
if owner and owner ~= session then
  return 'held'
end
-- Somebody in the room keeps their name even if the claim was lost.
if not owner and redis.call('HEXISTS', people, who) == 1 then
  return 'held'
end
if owner then
  -- Never shortened: whoever was here holds it for longer.
  redis.call('PEXPIRE', KEYS[8], hold, 'GT')
else
  redis.call('SET', KEYS[8], session, 'PX', hold)
end
return 'mine'
