-- KEYS: the room's, then the record's, then name:<who> where somebody is banned.
-- ARGV: the act as JSON, records to keep, what is done, then what that takes:
--   remove: ids | ban: who, name, for ms, ms the name stays closed | pardon: who | slow: ms | announce: text or ''
-- Answers: 'done' | 'nothing'.
local act, keep, what = ARGV[1], ARGV[2], ARGV[3]

local function tell_moderated(ids)
  room.v = room.v + 1
  redis.call('HSET', meta, 'v', digits(room.v))
  local set = redis.call('HMGET', rules, 'slow', 'notice')
  local told = '{"slow_ms":' .. (set[1] or '0') .. ',"notice":' .. (set[2] and cjson.encode(set[2]) or 'null') .. '}'
  tell('r', digits(room.epoch), digits(room.v), room.head, #ids == 0 and '-' or table.concat(ids, ','), told)
end

local acts = {}

function acts.remove()
  local ids = {}
  for i = 4, #ARGV do
    local entry = redis.call('XRANGE', log, ARGV[i], ARGV[i])[1]
    if entry and value_of(entry, 'body') and redis.call('ZADD', removed, 'NX', value_of(entry, 'total'), ARGV[i]) == 1 then
      ids[#ids + 1] = ARGV[i]
    end
  end
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  redis.call('ZREMRANGEBYSCORE', removed, '-inf', '(' .. value_of(oldest, 'total'))
  if #ids > 0 then
    tell_moderated(ids)
  end
  return #ids > 0
end

function acts.ban()
  local who, name, for_ms, closed = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
  if for_ms > 0 then
    redis.call('HSET', bans, who, digits(math.floor(now_us / 1000) + for_ms) .. ' ' .. name)
  end
  local session = redis.call('GET', KEYS[12])
  local shown = held_of(who)
  if session or shown then
    redis.call('SET', KEYS[12], '-', 'PX', closed)
    local left = {}
    if shown then
      redis.call('HDEL', people, who)
      left[1] = { who, shown }
      room.v = room.v + 1
      redis.call('HSET', meta, 'v', digits(room.v))
    end
    tell('e', digits(room.epoch), digits(room.v), room.head, session or '-', delta_of({}, left))
  end
  return for_ms > 0 or session or shown
end

function acts.pardon()
  return redis.call('HDEL', bans, ARGV[4]) == 1
end

function acts.slow()
  redis.call('HSET', rules, 'slow', ARGV[4])
  tell_moderated({})
  return true
end

function acts.announce()
  if ARGV[4] == '' then
    redis.call('HDEL', rules, 'notice')
  else
    redis.call('HSET', rules, 'notice', ARGV[4])
  end
  tell_moderated({})
  return true
end

-- Bans that have run out.
local all = redis.call('HGETALL', bans)
for i = 1, #all, 2 do
  if all[i] ~= '' and not banned_for(all[i]) then
    redis.call('HDEL', bans, all[i])
  end
end

if not acts[what]() then
  return 'nothing'
end
redis.call('XADD', KEYS[11], 'MAXLEN', '~', keep, '*', 'at', digits(math.floor(now_us / 1000)), 'act', act)
return 'done'
