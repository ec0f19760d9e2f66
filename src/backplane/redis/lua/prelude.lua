-- Comes before every script: refuses to run on a demoted primary, and begins a new epoch where the log may have
-- been rolled back since it was last written. KEYS 1 to 10 are the room's; a script's own follow.
local meta, log, people, leases, live = KEYS[1], KEYS[2], KEYS[5], KEYS[6], KEYS[7]
local rules, bans, removed = KEYS[8], KEYS[9], KEYS[10]
local said = { ['0'] = KEYS[3], ['1'] = KEYS[4] }

-- Numbers up to 2^53: tostring would lose digits.
local function digits(number)
  return string.format('%.0f', number)
end

local replication = redis.call('INFO', 'replication')
if not replication:find('role:master', 1, true) then
  return redis.error_reply('READONLY this Redis is not the primary')
end
local line = replication:match('master_replid:(%x+)')
local clock = redis.call('TIME')
local now_us = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

-- room.total: messages that the log ever held up to the newest. room.at: Unix milliseconds of the newest.
local room = {}

local function value_of(entry, field)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == field then
      return entry[2][i + 1]
    end
  end
end

local function begin_epoch()
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local last_epoch = newest and tonumber(newest[1]:match('^%d+')) or 0
  -- Two forks of one log get different epochs: each has a replication id of its own.
  local epoch = math.max(now_us, (room.epoch or 0) + 1, last_epoch + 1) + tonumber(line:sub(1, 4), 16)
  room.epoch, room.n, room.v = epoch, 0, room.v or 0
  if newest then
    room.head, room.total, room.at = newest[1], tonumber(value_of(newest, 'total')), tonumber(value_of(newest, 'at'))
  else
    -- A hidden entry makes the beginning of the log a position like any other.
    room.head, room.total, room.at = digits(epoch) .. '-0', 0, 0
    redis.call('XADD', log, room.head, 'at', '0', 'total', '0')
  end
  redis.call('HSET', meta, 'line', line, 'epoch', digits(epoch), 'n', '0', 'head', room.head, 'v', digits(room.v),
    'at', digits(room.at), 'total', digits(room.total))
  -- Keys that always exist cannot be missing in the middle of a slot migration.
  for _, key in ipairs({ people, leases, said['0'], said['1'], rules, bans }) do
    redis.call('HSETNX', key, '', '')
  end
end

local stored = redis.call('HMGET', meta, 'line', 'epoch', 'n', 'head', 'v', 'at', 'total')
room.epoch, room.n, room.head = tonumber(stored[2]), tonumber(stored[3]), stored[4]
room.v, room.at, room.total = tonumber(stored[5]), tonumber(stored[6]), tonumber(stored[7])
if stored[1] ~= line then
  begin_epoch()
end

-- Whether an entry is older than messages get. age: in ms, or '' for any.
local function is_old(entry, age)
  return age ~= '' and tonumber(value_of(entry, 'at')) < now_us / 1000 - tonumber(age)
end

-- Deletes what is older, some at a time: all but the last of it, the position before what is kept.
local function forget_old(age)
  local second = age ~= '' and redis.call('XRANGE', log, '-', '+', 'COUNT', 2)[2]
  if not second or not is_old(second, age) then
    return
  end
  local last
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', 1000)) do
    if not is_old(entry, age) then
      break
    end
    last = entry[1]
  end
  redis.call('XTRIM', log, 'MINID', last)
end

-- For how many ms more nobody comes in under a name; nil if anybody may.
local function banned_for(who)
  local ban = redis.call('HGET', bans, who)
  local left = ban and ban ~= '' and tonumber(ban:match('^%d+')) - now_us / 1000
  return left and left > 0 and math.ceil(left) or nil
end

-- Publishes without ever undoing what was written: whoever does not hear it will read it.
local function tell(kind, ...)
  redis.pcall('PUBLISH', live, table.concat({ '1', kind, ... }, ' '))
end

-- Who came and who went in one step, as JSON; cjson would write an empty list as {}.
local function delta_of(joined, left)
  local function list(pairs)
    return #pairs == 0 and '[]' or cjson.encode(pairs)
  end
  return '[' .. list(joined) .. ',' .. list(left) .. ']'
end

-- Raises the presence version and tells who came and went, if anybody did.
local function tell_presence(joined, left)
  if #joined + #left > 0 then
    room.v = room.v + 1
    redis.call('HSET', meta, 'v', digits(room.v))
    tell('p', digits(room.epoch), digits(room.v), room.head, delta_of(joined, left))
  end
end

-- A person is kept as '<name>\n<inc> <inc>'.
local function held_of(who)
  local held = redis.call('HGET', people, who)
  if held then
    return held:match('^(.-)\n(.*)$')
  end
end

-- Releases a person from an incarnation; answers the name if that was the last hold.
local function release(who, inc)
  local name, incs = held_of(who)
  if not name then
    return nil
  end
  local rest = {}
  for other in incs:gmatch('%S+') do
    if other ~= inc then
      rest[#rest + 1] = other
    end
  end
  if #rest == 0 then
    redis.call('HDEL', people, who)
    return name
  end
  redis.call('HSET', people, who, name .. '\n' .. table.concat(rest, ' '))
  return nil
end
