-- KEYS: the room's, then name:<who>.
-- ARGV: session, who, in ms how long the name is held until the session comes in.
-- Answers: {'mine'} | {'held'} | {'banned', for how many ms}.
local session, who, hold = ARGV[1], ARGV[2], ARGV[3]

local banned = banned_for(who)
if banned then
  return { 'banned', digits(banned) }
end
local owner = redis.call('GET', KEYS[11])
if owner == '-' then
  -- Its session has just ended.
  owner = nil
end
if owner and owner ~= session then
  return { 'held' }
end
-- Somebody in the room keeps their name even if the claim was lost.
if not owner and redis.call('HEXISTS', people, who) == 1 then
  return { 'held' }
end
if owner then
  -- Never shortened: whoever was here holds it for longer.
  redis.call('PEXPIRE', KEYS[11], hold, 'GT')
else
  redis.call('SET', KEYS[11], session, 'PX', hold)
end
return { 'mine' }
