-- KEYS: the room's, then name:<who>.
-- ARGV: inc, session, who, nonce, fingerprint of the text, body (JSON), messages to keep, nonce memory in µs.
-- Answers: {'fenced'} | {'ended'} | {'bad_nonce'} | {'kept', id}.
local inc, session, who, nonce, fingerprint, body, keep, memory = unpack(ARGV)

local lease = redis.call('HGET', leases, inc)
if not lease or lease:sub(-1) == 'x' then
  return { 'fenced' }
end
local owner = redis.call('GET', KEYS[8])
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
    return { 'kept', id }
  end
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
