-- KEYS: the room's, then name:<who>.
-- ARGV: session, who, in ms how long the name stays closed to what is still under way of the session.
-- Answers: 'done'.
local session, who, closed = ARGV[1], ARGV[2], ARGV[3]

local left = {}
-- Where the claim is another's, or lost, whoever holds the session's person is told by the event, and releases them.
if redis.call('GET', KEYS[11]) == session then
  -- No session is called so: whoever is not signed in anew neither enters nor speaks under the name.
  redis.call('SET', KEYS[11], '-', 'PX', closed)
  local name = held_of(who)
  if name then
    redis.call('HDEL', people, who)
    left[1] = { who, name }
    room.v = room.v + 1
    redis.call('HSET', meta, 'v', digits(room.v))
  end
end
tell('e', digits(room.epoch), digits(room.v), room.head, session, delta_of({}, left))
return 'done'
