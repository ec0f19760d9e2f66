#!lua
-- Counts a sign-in against limits that all instances share: the generic cell rate algorithm, as in src/rate.rs.
-- KEYS: for each limit, a key with the time (Unix µs) at which the next sign-in is due.
-- ARGV: for each limit, the µs between two sign-ins, and the µs that they may be early.
-- Returns: the µs to wait; 0 if the sign-in is admitted, and only then it counts.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local due, wait = {}, 0
for i, key in ipairs(KEYS) do
  due[i] = math.max(tonumber(redis.call('GET', key) or now), now)
  wait = math.max(wait, due[i] - now - tonumber(ARGV[2 * i]))
end
if wait > 0 then
  return wait
end
for i, key in ipairs(KEYS) do
  local next_due = due[i] + tonumber(ARGV[2 * i - 1])
  redis.call('SET', key, string.format('%.0f', next_due), 'PX', math.ceil((next_due - now) / 1000))
end
return 0
