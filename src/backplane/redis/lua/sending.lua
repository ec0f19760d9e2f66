-- The rules of everything that a person sends: who may, once per nonce, at their pace.
-- KEYS after the room's: the claim of the sender's name, then the time at which their next message is due, then, if they have
--   an address, the same for all people at it in slow mode (its last part is the hash of the address), then, where repeats are
--   counted, when the same text was sent lately.
-- args used: incarnation, session, name_key, nonce, fingerprint, nonce_memory_us, every_us (between two messages; 0 =
--   unlimited), ahead_us (how far messages may be ahead of that), bot (slow mode does not apply),
--   moderates (a read-only room does not apply), address (they have one), newcomer_ms (the interval of a new person;
--   absent: none), repeats (they are counted).
local claim, due_at, address_due_at = KEYS[14], KEYS[15], args.address and KEYS[16]
local sent_at = args.repeats and KEYS[args.address and 17 or 16]
-- A nonce has no space, so the last one divides.
local nonce_key = args.name_key .. ' ' .. args.nonce
-- In slow mode, the messages of an address per message of a person (SLOW_SHARE in backplane.rs).
local SLOW_SHARE = 3
-- Rules for this sender, set by moderators: the interval of slow mode (ms), the mute, whether the room is read-only, and whether
-- any address is banned or muted.
local set = redis.call('HMGET', rules, 'slow', 'mute:' .. args.name_key, 'read_only', 'addresses')
local address = set[4] and address_due_at and address_due_at:match('[^:]+$')
local address_bans, address_mutes
if address then
  address_bans, address_mutes =
    unpack(redis.call('HMGET', rules, 'address_ban:' .. address, 'address_mute:' .. address))
end
local slow_mode_ms = args.bot and 0 or tonumber(set[1] or '0')
local slow_ms = math.max(slow_mode_ms, args.newcomer_ms or 0)

-- The reply to a sender who may not send; nil if they may.
local function refusal()
  local lease = redis.call('HGET', leases, args.incarnation)
  if not lease or lease:sub(-1) == 'x' then
    return '{"outcome":"fenced"}'
  end
  local owner = redis.call('GET', claim)
  if owner and owner ~= args.session or address_bans and longest_sanction_ms(address_bans) then
    return '{"outcome":"ended"}'
  end
  -- A claim may expire while Redis does not reply. Its person is then still held, unless the session has ended.
  if not owner and not is_held(args.name_key, args.incarnation) then
    return '{"outcome":"fenced"}'
  end
end

-- The reply to a nonce that is stored; nil if it is not.
local function duplicate()
  for _, generation in pairs(nonces) do
    local known = redis.call('HGET', generation, nonce_key)
    if known then
      local id, fingerprint = known:match('^(%S+) (%S+)$')
      if fingerprint ~= args.fingerprint then
        return '{"outcome":"bad_nonce"}'
      end
      return cjson.encode({ outcome = 'duplicate', id = id })
    end
  end
end

-- The reply to a sender whom a moderator keeps from writing.
local function silenced()
  local by_name, by_address = sanction_ms(set[2]), address_mutes and longest_sanction_ms(address_mutes)
  local wait_ms = math.max(by_name or 0, by_address or 0)
  if wait_ms > 0 then
    return cjson.encode({ outcome = 'muted', wait_ms = digits(wait_ms) })
  end
  if not set[3] or args.bot or args.moderates then
    return nil
  end
  local ends = tonumber(set[3]:match('^{"until":(%d+)'))
  if not ends then
    return '{"outcome":"read_only"}'
  end
  local left = math.ceil(ends - now_us / 1000)
  return left > 0 and cjson.encode({ outcome = 'read_only', wait_ms = digits(left) }) or nil
end

-- `REPEATS` and `REPEAT_WINDOW`, in milliseconds. The same algorithm as memory/repeats.rs.
local REPEATS, REPEAT_WINDOW_MS = 3, 60000
local sent = {}

-- The reply to a text that was sent too often; nil if it may be sent once more.
local function repeated()
  if not sent_at then
    return nil
  end
  local now_ms = math.floor(now_us / 1000)
  for time in (redis.call('GET', sent_at) or ''):gmatch('%d+') do
    -- A clock that stepped back counts nothing for longer.
    if tonumber(time) > now_ms - REPEAT_WINDOW_MS and tonumber(time) <= now_ms then
      sent[#sent + 1] = time
    end
  end
  if #sent < REPEATS then
    return nil
  end
  local wait_ms = tonumber(sent[#sent - REPEATS + 1]) + REPEAT_WINDOW_MS - now_ms
  return cjson.encode({ outcome = 'repeated', wait_ms = digits(wait_ms) })
end

local function remember_text()
  if sent_at then
    sent[#sent + 1] = digits(math.floor(now_us / 1000))
    redis.call('SET', sent_at, table.concat(sent, ' '), 'PX', REPEAT_WINDOW_MS)
  end
end

-- When the next message is due at a pace.
local function due_of(key, every, early)
  local due = tonumber(redis.call('GET', key) or '0')
  if due < now_us or due > now_us + every + early then
    return now_us
  end
  return due
end

local function set_due(key, due)
  redis.call('SET', key, digits(due), 'PX', math.ceil((due - now_us) / 1000))
end

-- Microseconds until the sender's turn; 0 takes it. The same algorithm as memory/message_rates.rs.
local function take_turn()
  local slow = slow_ms * 1000
  local every, ahead = args.every_us, args.ahead_us
  if slow > every then
    every, ahead = slow, 0
  end
  if every == 0 then
    return 0
  end
  local early = ahead + math.min(50000, every)
  local due = due_of(due_at, every, early)
  local wait = due - early - now_us
  -- Newcomers share nothing but slow mode.
  local is_shared = address_due_at and slow_mode_ms * 1000 > args.every_us
  local shared_every, shared_due
  if is_shared then
    shared_every = math.floor(slow_mode_ms * 1000 / SLOW_SHARE)
    local shared_early = shared_every * (SLOW_SHARE - 1) + math.min(50000, shared_every)
    shared_due = due_of(address_due_at, shared_every, shared_early)
    wait = math.max(wait, shared_due - shared_early - now_us)
  end
  if wait > 0 then
    return wait
  end
  set_due(due_at, due + every)
  if is_shared then
    set_due(address_due_at, shared_due + shared_every)
  end
  return 0
end

-- The reply to a sender whose turn has not come; nil takes it.
local function too_early()
  local wait_us = take_turn()
  if wait_us <= 0 then
    return nil
  end
  local is_newcomer = slow_ms > slow_mode_ms and slow_ms * 1000 > args.every_us
  local outcome = is_newcomer and 'newcomer' or 'limited'
  return cjson.encode({ outcome = outcome, wait_ms = digits(math.ceil(wait_us / 1000)) })
end

local function remember_nonce(id)
  if not room.generation then
    room.generation = '0'
    redis.call('HSET', meta, 'gen', '0', 'gen_at', digits(now_us))
  elseif now_us - room.generation_at >= args.nonce_memory_us then
    room.generation = room.generation == '0' and '1' or '0'
    redis.call('UNLINK', nonces[room.generation])
    redis.call('HSETNX', nonces[room.generation], '', '')
    redis.call('HSET', meta, 'gen', room.generation, 'gen_at', digits(now_us))
  end
  redis.call('HSET', nonces[room.generation], nonce_key, id .. ' ' .. args.fingerprint)
end
