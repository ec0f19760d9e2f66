-- Reads the room in one step.
-- KEYS: the room's, then the secret of the hashes of addresses.
-- args: history, history_age_ms, since (an id, or absent), epoch and version (strings: the rest of the reader's position),
--   missed_at_most (messages that may continue it), newest (messages otherwise), people_at_once (people that may be in the
--   reply), steps_bytes (of steps of presence), address_key (the secret, unless there is one).
-- Returns: position, total, continues (whether the rows follow since), missed (absent: since is not in the log),
--   oldest (the total at the oldest message), rows (id, total, at, body; absent: hidden, after '-': deleted), slow_ms, notice, read_only and closed (JSON),
--   auto (JSON by name), people (how many; absent: as at the reader's position), all (field and value in turn, of up to
--   people_at_once) or steps (JSON, joined and left: since the reader's version),
--   changes (version, head, id, at, body: since the reader's version, or the newest), changes_after (head up to which
--   changes may be missing; absent: none is), address_key.
trim_log()
redis.call('SET', KEYS[14], args.address_key, 'NX')

local function row_of(message)
  -- The newest position that is too old stays, without its body.
  local body = not is_old(message.at) and message.body or nil
  return { id = message.id, total = digits(message.total), at = digits(message.at), body = body }
end

local dropped = redis.call('HMGET', meta, 'dropped', 'dropped_head')
local is_same_epoch = args.epoch == digits(room.epoch)
-- Newest first, until the reply is large enough.
local function changes_since(version)
  local ids = redis.call('ZRANGE', changes, '+inf', '(' .. version, 'BYSCORE', 'REV', 'LIMIT', 0, CHANGES_KEPT)
  local records, listed, bytes, missing = records_of(ids), {}, 0, nil
  for _, id in ipairs(ids) do
    local message = records[id]
    if message and message.body and not is_old(message.at) then
      bytes = bytes + #message.body
      if bytes > CHANGE_BYTES then
        missing = message.head
        break
      end
      listed[#listed + 1] = { version = message.version, head = message.head, id = id, at = digits(message.at), body = message.body }
    end
  end
  return listed, missing
end
local listed, missing = changes_since(is_same_epoch and args.version or '-inf')
local lacks_changes = args.version and (missing or tonumber(dropped[1] or '0') > tonumber(args.version))

local messages, continues, missed
local since = args.since and find(args.since)
if since then
  missed = room.total - since.total
  if missed <= args.missed_at_most and not lacks_changes then
    continues = true
    messages = list_after('(' .. args.since, since.total, args.missed_at_most)
  end
end
if not continues then
  listed, missing = changes_since('-inf')
  messages = {}
  local reversed = list_before('+', room.total + 1, args.newest)
  for i = #reversed, 1, -1 do
    messages[#messages + 1] = reversed[i]
  end
end
local rows = {}
for i, message in ipairs(messages) do
  rows[i] = row_of(message)
end

-- Deletions by an older version, which are no changes.
local removed_ids = redis.call('ZRANGE', removed, '(' .. digits(room.total - args.newest), '+inf', 'BYSCORE')
local known = records_of(removed_ids)
for _, id in ipairs(removed_ids) do
  local message = not known[id] and find(id)
  if message and message.body then
    table.insert(listed, 1, { version = digits(room.v), head = room.head, id = id, at = digits(message.at), body = message.body })
  end
end

-- The steps of presence from the reader's position to this one; nil if one is unknown, or they are too many.
local function steps_since(epoch, version)
  local id = epoch .. '-' .. version
  if not redis.call('XRANGE', presence, id, id)[1] then
    return nil
  end
  local steps, bytes, at, entries = {}, 0, tonumber(version), nil
  repeat
    entries = redis.call('XRANGE', presence, '(' .. id, '+', 'COUNT', 100)
    for _, entry in ipairs(entries) do
      id = entry[1]
      local delta, reached = value_of(entry, 'delta'), tonumber(id:match('%d+$'))
      if reached ~= at + (delta and 1 or 0) then
        return nil
      end
      at = reached
      if delta and delta ~= '' then
        bytes = bytes + #delta
        steps[#steps + 1] = delta
      end
    end
  until #entries == 0 or bytes > args.steps_bytes
  return at == room.v and bytes <= args.steps_bytes and steps or nil
end

local count, all, steps
if not (is_same_epoch and args.version == digits(room.v)) then
  count = redis.pcall('HLEN', people)
  if type(count) == 'table' then
    -- The ACL of an older version permits no HLEN.
    count = #redis.call('HGETALL', people) / 2
  end
  -- The hash has one field of its own.
  count = count - 1
  if count <= args.people_at_once then
    all = redis.call('HGETALL', people)
  elseif args.version then
    steps = steps_since(args.epoch, args.version)
  end
end

local oldest_total = room.total + 1
for _, message in ipairs(list_after('-', -1, 3)) do
  if message.body and not is_old(message.at) then
    oldest_total = message.total
    break
  end
end
local set = redis.call('HMGET', rules, 'slow', 'notice', 'read_only', 'closed')
return cjson.encode({
  position = position(), total = digits(room.total), continues = continues or false, missed = missed and digits(missed),
  oldest = digits(oldest_total), rows = filled(rows), slow_ms = set[1] or '0', notice = set[2] or nil,
  read_only = set[3] or nil, closed = set[4] or nil, auto = auto_rules(),
  people = count and digits(count), all = all, steps = steps and table.concat(steps, ',') or nil,
  changes = filled(listed), changes_after = missing or not (continues and is_same_epoch) and dropped[2] or nil,
  address_key = redis.call('GET', KEYS[14]),
})
