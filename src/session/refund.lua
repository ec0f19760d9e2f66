#!lua
-- Takes one event back from limits that all instances share; see sign_in.lua, which counted it.
-- KEYS: for each limit, a key with the time (Unix µs) at which the next event is due.
-- ARGV: for each limit, the µs between two events.
-- Returns: 0.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
for i, key in ipairs(KEYS) do
  local due = math.max(tonumber(redis.call('GET', key) or now) - tonumber(ARGV[i]), now)
  redis.call('SET', key, string.format('%.0f', due), 'PX', math.max(math.ceil((due - now) / 1000), 1))
end
return 0
