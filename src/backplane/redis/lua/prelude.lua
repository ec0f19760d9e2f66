-- Runs before every script. Refuses a demoted primary, and begins a new epoch where the log may have been rolled
-- back since its last write.
-- KEYS: the room's thirteen, named below in the order of `Keys::room`; a script names its own from KEYS[14] on. The last one, the
--   newest steps of presence, is taken off here.
-- publishing: the commands that publish an event, defined in the line before this script.
-- ARGV: one JSON object, whose fields each script lists.
-- Returns: each script, one JSON object. Its numbers are strings (cjson writes no more than 14 digits), and an empty
-- list is left out (cjson would write an object).
local meta, log, nonces_0, nonces_1, people, leases, live, rules, bans, removed, altered, bodies, changes = unpack(KEYS, 1, 13)
local presence = table.remove(KEYS)
local args = cjson.decode(ARGV[1])
local nonces = { ['0'] = nonces_0, ['1'] = nonces_1 }

-- The decimal digits of an integer up to 2^53; tostring keeps only 14.
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
-- room.generation, room.generation_at: where new nonces go, and since when (µs).
local room = {}

local function value_of(entry, field)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == field then
      return entry[2][i + 1]
    end
  end
end

-- The newest message, also if it was changed: its entry is then no longer in the log.
local function newest_entry()
  local entry = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local id = redis.call('ZRANGE', altered, -1, -1)[1]
  local record = id and redis.call('HGET', bodies, id)
  local changed = record and cjson.decode(record)
  if changed and (not entry or tonumber(changed.total) > tonumber(value_of(entry, 'total'))) then
    return { id, { 'total', changed.total, 'at', changed.at } }
  end
  return entry
end

-- Notes how the presence version became what it is, in a stream with the ids `<epoch>-<version>`: a reader that finds its own
-- position there, and each version since, needs no other people. `delta`: who joined and left ('' = no one); nil: an epoch begins,
-- with the version as it was. An older version notes nothing: then the people are read.
local function note_step(delta)
  local id = digits(room.epoch) .. '-' .. digits(room.v)
  redis.pcall('XADD', presence, 'MAXLEN', '~', 1000, id, delta and 'delta' or 'epoch', delta or '')
end

local function begin_epoch()
  local newest = newest_entry()
  local last_epoch = newest and tonumber(newest[1]:match('^%d+')) or 0
  -- Each fork of a log has its own replication id, so two forks get different epochs.
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
  note_step()
  -- Keys that always exist cannot be missing in the middle of a slot migration.
  for _, key in ipairs({ people, leases, nonces_0, nonces_1, rules, bans, bodies }) do
    redis.call('HSETNX', key, '', '')
  end
end

local stored = redis.call('HMGET', meta, 'line', 'epoch', 'n', 'head', 'v', 'at', 'total', 'gen', 'gen_at')
room.epoch, room.n, room.head = tonumber(stored[2]), tonumber(stored[3]), stored[4]
room.v, room.at, room.total = tonumber(stored[5]), tonumber(stored[6]), tonumber(stored[7])
room.generation, room.generation_at = stored[8], tonumber(stored[9])
if stored[1] ~= line then
  begin_epoch()
end

-- The room's position, as replies hold it.
local function position()
  return { epoch = digits(room.epoch), head = room.head, version = digits(room.v) }
end

-- A list for a reply: nil if it is empty.
local function filled(list)
  return #list > 0 and list or nil
end

local function raise_version(delta)
  room.v = room.v + 1
  redis.call('HSET', meta, 'v', digits(room.v))
  note_step(delta or '')
end

-- Milliseconds until a ban or mute ends, which is stored as '<end> <name>'; nil if it has ended, or there is none.
local function sanction_ms(stored)
  local left = stored and stored ~= '' and tonumber(stored:match('^%d+')) - now_us / 1000
  return left and left > 0 and math.ceil(left) or nil
end

-- Milliseconds for which a name stays banned; nil if it is not.
local function banned_ms(name_key)
  return sanction_ms(redis.call('HGET', bans, name_key))
end

-- Milliseconds until the last of several bans or mutes of an address ends, stored as lines '<end> <name key>'; nil if none is
-- in force.
local function longest_sanction_ms(lines)
  local longest
  for line in lines:gmatch('[^\n]+') do
    local left = sanction_ms(line)
    longest = left and math.max(left, longest or 0) or longest
  end
  return longest
end

-- Milliseconds for which a person stays banned, by name or by the hash of their address (or nil); nil if they are not.
local function person_banned_ms(name_key, address)
  local by_name = banned_ms(name_key)
  local stored = address and redis.call('HGET', rules, 'address_ban:' .. address)
  local by_address = stored and longest_sanction_ms(stored)
  return by_name and by_address and math.max(by_name, by_address) or by_name or by_address or nil
end

-- Publishes an event. A refused PUBLISH undoes nothing: subscribers find the event missing, and read the room.
local function publish(kind, ...)
  for _, command in ipairs(publishing) do
    redis.pcall(command, live, table.concat({ '1', kind, ... }, ' '))
  end
end

-- The people who joined and left in one step, as an envelope holds them. cjson would write an empty list as {}.
local function delta_of(joined, left)
  local function list(pairs)
    return #pairs == 0 and '[]' or cjson.encode(pairs)
  end
  return '[' .. list(joined) .. ',' .. list(left) .. ']'
end

-- Raises the presence version and publishes the people who joined and left, if there are any.
local function publish_presence(joined, left)
  if #joined + #left > 0 then
    local delta = delta_of(joined, left)
    raise_version(delta)
    publish('p', digits(room.epoch), digits(room.v), room.head, delta)
  end
end

-- The name of a person in the room, and the incarnations that hold them. Stored as '<name>\n<incarnation> …'.
local function holders_of(name_key)
  local person = redis.call('HGET', people, name_key)
  if person then
    return person:match('^(.-)\n(.*)$')
  end
end

local function is_held(name_key, incarnation)
  local _, holders = holders_of(name_key)
  return holders and (' ' .. holders .. ' '):find(' ' .. incarnation .. ' ', 1, true)
end

-- Removes an incarnation from a person's holders. Returns the name if it was the last holder.
local function release(name_key, incarnation)
  local name, holders = holders_of(name_key)
  if not name then
    return nil
  end
  local rest = {}
  for other in holders:gmatch('%S+') do
    if other ~= incarnation then
      rest[#rest + 1] = other
    end
  end
  if #rest == 0 then
    redis.call('HDEL', people, name_key)
    return name
  end
  redis.call('HSET', people, name_key, name .. '\n' .. table.concat(rest, ' '))
  return nil
end

-- Closes a name whose session ends: claimed by '-', which no session is called. Removes its person from the room and
-- publishes the end.
local function end_session(claim, name_key, session)
  redis.call('SET', claim, '-', 'PX', args.closed_ms)
  local name = holders_of(name_key)
  local delta = delta_of({}, name and { { name_key, name } } or {})
  if name then
    redis.call('HDEL', people, name_key)
    raise_version(delta)
  end
  publish('e', digits(room.epoch), digits(room.v), room.head, session, delta)
end
