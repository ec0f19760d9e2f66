-- Renews an incarnation's lease, and adds and removes the people it holds.
-- KEYS: the room's, then the people whom the incarnation holds, then the claim of each person's name: in `adds`, in
--   `renewals`, in `dels`; then where the last address of each person in `dels` is kept; the last: the reports.
-- args: incarnation, heartbeat_seq, epoch (in which the lease began; absent: it may have to be created), draining,
--   name_hold_ms, history, history_age_ms (see log.lua), adds, renewals and dels (lists of people: who, name, tag, address:
--   its hash, or absent, other_addresses: a list, or absent), address_memory_ms.
-- Returns: outcome 'stale' | 'gone' (epoch) | 'renewed' (position, refused name keys, leases by incarnation, time_us).
local incarnation, seq = args.incarnation, args.heartbeat_seq
local held = KEYS[14]

-- After a failover people whom other instances hold may be missing: a release by a lease of before would look like a departure.
local lease = redis.call('HGET', leases, incarnation)
if args.epoch and (not lease or args.epoch ~= room.epoch) or lease and lease:sub(-1) == 'x' then
  return cjson.encode({ outcome = 'gone', epoch = digits(room.epoch) })
end
if lease then
  if seq <= tonumber(lease:match('^%d+')) then
    return '{"outcome":"stale"}'
  end
end
redis.call('HSET', leases, incarnation, digits(seq) .. (args.draining and 'd' or ''))

-- Only a hash that exists from the first heartbeat on is complete. It expires if an older version reaps the incarnation.
if not lease then
  redis.call('HSET', held, '', '')
end
local is_complete = redis.call('PEXPIRE', held, 86400000) == 1

-- Adds this incarnation to the holders of a person, in place of those that drain: the person has moved on from them,
-- and need not stay listed there.
local function holders_with_own(holders)
  local rest = {}
  for other in holders:gmatch('%S+') do
    if other ~= incarnation and (redis.call('HGET', leases, other) or ''):sub(-1) ~= 'd' then
      rest[#rest + 1] = other
    end
  end
  rest[#rest + 1] = incarnation
  return table.concat(rest, ' ')
end

local joined, left, refused = {}, {}, {}

local function refuses(person, owner, is_renewal)
  if owner then
    return owner ~= person.tag
  end
  -- A person who is no longer held, and has no claim, was removed with the session.
  return is_renewal and not is_held(person.who, incarnation)
end

-- The hashes of a person's addresses.
local function addresses_of(person)
  local addresses = { person.address }
  for _, address in ipairs(person.other_addresses or {}) do
    addresses[#addresses + 1] = address
  end
  return addresses
end

local function is_banned(person)
  for _, address in ipairs(addresses_of(person)) do
    if person_banned_ms(person.who, address) then
      return true
    end
  end
  return banned_ms(person.who)
end

-- Removes a person whom this incarnation holds, and must not hold any longer.
local function let_go(person)
  redis.call('HDEL', held, person.who)
  local name = release(person.who, incarnation)
  if name then
    left[#left + 1] = { person.who, name }
  end
end

local function add(person, claim, is_renewal)
  if refuses(person, redis.call('GET', claim), is_renewal) then
    refused[#refused + 1] = person.who
    return
  elseif is_banned(person) then
    let_go(person)
    refused[#refused + 1] = person.who
    return
  end
  redis.call('SET', claim, person.tag, 'PX', args.name_hold_ms)
  if is_complete then
    -- An older version finds no one by a row of addresses.
    redis.call('HSET', held, person.who, table.concat(addresses_of(person), ' '))
  end
  local name, holders = holders_of(person.who)
  if not name then
    redis.call('HSET', people, person.who, person.name .. '\n' .. incarnation)
    joined[#joined + 1] = { person.who, person.name }
  elseif holders ~= incarnation then
    redis.call('HSET', people, person.who, name .. '\n' .. holders_with_own(holders))
  end
end

local function remove(person, claim, last_address)
  if redis.call('GET', claim) == person.tag then
    redis.call('PEXPIRE', claim, args.name_hold_ms)
  end
  local address = redis.call('HGET', held, person.who)
  if address and address ~= '' then
    redis.call('SET', last_address, address, 'PX', args.address_memory_ms)
  end
  let_go(person)
end

for i, person in ipairs(args.adds) do
  add(person, KEYS[14 + i])
end
for i, person in ipairs(args.renewals) do
  add(person, KEYS[14 + #args.adds + i], true)
end
for i, person in ipairs(args.dels) do
  local claims = 14 + #args.adds + #args.renewals
  remove(person, KEYS[claims + i], KEYS[claims + #args.dels + i])
end

publish_presence(joined, left)
trim_log()
sweep_reports(KEYS[#KEYS])
publish('b', digits(room.epoch), digits(room.v), room.head, incarnation, digits(seq))
local known = {}
local fields = redis.call('HGETALL', leases)
for i = 1, #fields, 2 do
  known[fields[i]] = fields[i + 1]
end
return cjson.encode({
  outcome = 'renewed', position = position(), refused = filled(refused), leases = known, time_us = digits(now_us),
})
