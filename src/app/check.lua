#!lua
-- Calls every command that the room's scripts call, on a key of its own: it fails if the Redis user lacks a right.
-- KEYS: a key for this test only, the channel of live events.
local key, live = KEYS[1], KEYS[2]

redis.call('INFO', 'replication')
redis.call('TIME')

redis.call('DEL', key)
redis.call('XADD', key, '1-1', 'at', '0')
redis.call('XRANGE', key, '-', '+')
redis.call('XREVRANGE', key, '+', '-')
redis.call('XDEL', key, '1-1')
redis.call('XTRIM', key, 'MINID', '2')
redis.call('DEL', key)

redis.call('HSET', key, 'field', 'value')
redis.call('HSETNX', key, 'field', 'value')
redis.call('HGET', key, 'field')
redis.call('HMGET', key, 'field')
redis.call('HGETALL', key)
redis.call('HEXISTS', key, 'field')
redis.call('HLEN', key)
redis.call('HSCAN', key, '0')
redis.call('HDEL', key, 'field')

redis.call('ZADD', key, 1, 'member')
redis.call('ZRANGE', key, 0, -1)
redis.call('ZMSCORE', key, 'member')
redis.call('ZREMRANGEBYSCORE', key, '-inf', '+inf')

redis.call('SET', key, 'value', 'PX', 1000)
redis.call('GET', key)
redis.call('PEXPIRE', key, 1000)
redis.call('DEL', key)

-- An unknown kind of event, which every instance ignores.
redis.call('PUBLISH', live, '1 check -')
