-- KEYS: the room's, then name:<who>, then pace:<who>.
-- ARGV: inc, session, who, nonce, fingerprint of the text, body (JSON), messages to keep, nonce memory in µs,
-- µs between two messages (0 = unlimited), µs that they may be ahead.
-- Answers: {'fenced'} | {'ended'} | {'bad_nonce'} | {'kept', id} | {'known', id} | {'limited', ms to wait}.
local inc, session, who, nonce, fingerprint, body, keep, memory, every, ahead = unpack(ARGV)

local lease = redis.call('HGET', leases, inc)
if not lease or lease:sub(-1) == 'x' then
  return { 'fenced' }
end
local owner = redis.call('GET', KEYS[11])
if owner and owner ~= session then
  return { 'ended' }
end

-- A nonce has no space, so the last one divides.
local key = who .. ' ' .. nonce
for _, generation in pairs(said) do
  local known = redis.call('HGET', generation, key)
  if known then
    local id, text = known:match('^(%S+) (%S+)$')
    if text ~= fingerprint then
      return { 'bad_nonce' }
    end
    return { 'known', id }
  end
end

-- As pace.rs has it.
local function wait_for_turn()
  local slow = tonumber(redis.call('HGET', rules, 'slow') or '0') * 1000
  every, ahead = tonumber(every), tonumber(ahead)
  if slow > every then
    every, ahead = slow, 0
  end
  if every == 0 then
    return 0
  end
  local early = ahead + math.min(50000, every)
  local due = tonumber(redis.call('GET', KEYS[12]) or '0')
  if due < now_us or due > now_us + every + early then
    due = now_us
  end
  if due - early > now_us then
    return due - early - now_us
  end
  redis.call('SET', KEYS[12], digits(due + every), 'PX', math.ceil((due + every - now_us) / 1000))
  return 0
end

local wait = wait_for_turn()
if wait > 0 then
  return { 'limited', digits(math.ceil(wait / 1000)) }
end

local generation = redis.call('HMGET', meta, 'gen', 'gen_at')
local gen, gen_at = generation[1], tonumber(generation[2])
if not gen then
  gen, gen_at = '0', now_us
  redis.call('HSET', meta, 'gen', gen, 'gen_at', digits(gen_at))
elseif now_us - gen_at >= tonumber(memory) then
  gen = gen == '0' and '1' or '0'
  redis.call('UNLINK', said[gen])
  redis.call('HSETNX', said[gen], '', '')
  redis.call('HSET', meta, 'gen', gen, 'gen_at', digits(now_us))
end

local at = math.max(room.at, math.floor(now_us / 1000))
local function append()
  local id = digits(room.epoch) .. '-' .. digits(room.n + 1)
  local added = redis.pcall('XADD', log, 'MAXLEN', '~', keep, id, 'at', digits(at), 'total', digits(room.total + 1),
    'body', body)
  return id, added
end
local id, added = append()
if type(added) == 'table' and added.err then
  -- The log has ids that meta does not know of: another branch.
  begin_epoch()
  id, added = append()
  if type(added) == 'table' and added.err then
    return added
  end
end

local prev = room.head
redis.call('HSET', meta, 'n', digits(room.n + 1), 'head', id, 'at', digits(at), 'total', digits(room.total + 1))
redis.call('HSET', said[gen], key, id .. ' ' .. fingerprint)
tell('m', id, prev, digits(room.v), digits(at), body)
return { 'kept', id }
