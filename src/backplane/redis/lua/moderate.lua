-- Applies a moderation action, and puts it on record.
-- KEYS: the room's, then the record, then the reports, then, for a ban, the claim of the name, then those of the names in
--   `others`.
-- args: action (JSON, as it is put on record: `act` names it, the other fields are its own), audit (JSON: who acts, as it
--   is put on record), records_kept, closed_ms (see end.lua), addresses (hashes that a ban or mute includes, or absent), others (name keys of the
--   other people at these who are in the room, or absent), auto (for `rules`: the changed rules that apply by themselves,
--   JSON by name).
-- Returns: outcome 'done' | 'nothing'.
local record, reports, claim = KEYS[14], KEYS[15], KEYS[16]
local action = cjson.decode(args.action)

-- The names of the people whom the action is about, each once.
local whom = {}
local function add_whom(name)
  for _, known in ipairs(whom) do
    if known == name then
      return
    end
  end
  whom[#whom + 1] = name
end

-- Deletes the bans or mutes of addresses that belong to a name key (or none), and the expired ones. Stored in the rules as
-- `address_ban:` and `address_mute:`, each followed by a hash, with lines '<end> <name key>'.
local function lift_addresses(sanction, name_key)
  local prefix = 'address_' .. sanction .. ':'
  local fields = redis.call('HGETALL', rules)
  for i = 1, #fields, 2 do
    if fields[i]:sub(1, #prefix) == prefix then
      local rest = {}
      for line in fields[i + 1]:gmatch('[^\n]+') do
        if sanction_ms(line) and line:match('^%d+ (.*)$') ~= name_key then
          rest[#rest + 1] = line
        end
      end
      if #rest == 0 then
        redis.call('HDEL', rules, fields[i])
      else
        redis.call('HSET', rules, fields[i], table.concat(rest, '\n'))
      end
    end
  end
end

-- Bans or mutes the addresses of the action's name, in place of those before.
local function set_addresses(sanction)
  lift_addresses(sanction, action.who)
  for _, address in ipairs(args.addresses or {}) do
    local field = 'address_' .. sanction .. ':' .. address
    local others = redis.call('HGET', rules, field)
    local line = digits(math.floor(now_us / 1000) + action.for_ms) .. ' ' .. action.who
    redis.call('HSET', rules, field, others and others .. '\n' .. line or line)
  end
end

-- Keeps a field in the rules while any address is banned or muted: without it a message need not look.
local function mark_addresses()
  local fields = redis.call('HGETALL', rules)
  for i = 1, #fields, 2 do
    if fields[i]:sub(1, 8) == 'address_' then
      redis.call('HSET', rules, 'addresses', '1')
      return
    end
  end
  redis.call('HDEL', rules, 'addresses')
end

-- Ends the session of a name. Returns whether there was one.
local function expel(claim, name_key)
  local session = redis.call('GET', claim)
  if session == '-' then
    -- Its session has ended already.
    session = nil
  end
  local is_here = session or holders_of(name_key)
  if is_here then
    end_session(claim, name_key, session or '-')
  end
  return is_here
end

local apply = {}

function apply.remove()
  local found = {}
  for _, id in ipairs(action.ids) do
    local message = find(id)
    if message and message.body and not is_removed(message) then
      found[id] = message
    end
  end
  if next(found) then
    raise_version()
  end
  local ids = {}
  for _, id in ipairs(action.ids) do
    local message = found[id]
    if message then
      found[id] = nil
      add_whom(cjson.decode(message.body).from)
      replace_body(message, erased(message.body))
      redis.call('HDEL', reports, id)
      ids[#ids + 1] = id
    end
  end
  if #ids > 0 then
    publish_changes(ids)
  end
  return #ids > 0
end

function apply.dismiss()
  local is_done = false
  for _, id in ipairs(action.ids) do
    local message = find(id)
    if redis.call('HDEL', reports, id) == 1 and message and message.body then
      add_whom(cjson.decode(is_removed(message) and message.body:sub(2) or message.body).from)
      is_done = true
    end
  end
  return is_done
end

function apply.ban()
  add_whom(action.name)
  local is_lasting = action.for_ms > 0
  if is_lasting then
    redis.call('HSET', bans, action.who, digits(math.floor(now_us / 1000) + action.for_ms) .. ' ' .. action.name)
    set_addresses('ban')
  end
  local is_here = expel(claim, action.who)
  for i, name_key in ipairs(args.others or {}) do
    expel(KEYS[16 + i], name_key)
  end
  return is_lasting or is_here
end

function apply.pardon()
  add_whom(action.name)
  lift_addresses('ban', action.who)
  return redis.call('HDEL', bans, action.who) == 1
end

function apply.mute()
  add_whom(action.name)
  redis.call('HSET', rules, 'mute:' .. action.who, digits(math.floor(now_us / 1000) + action.for_ms) .. ' ' .. action.name)
  set_addresses('mute')
  return true
end

function apply.unmute()
  add_whom(action.name)
  lift_addresses('mute', action.who)
  return redis.call('HDEL', rules, 'mute:' .. action.who) == 1
end

function apply.slow()
  redis.call('HSET', rules, 'slow', digits(action.interval_ms))
  raise_version()
  publish_changes({})
  return true
end

-- Shuts or opens a door. Stored as JSON, `until` first.
local function set_door(field)
  if action.for_ms == 0 then
    redis.call('HDEL', rules, field)
  else
    local ends = action.for_ms and digits(math.floor(now_us / 1000) + action.for_ms) or 'null'
    local text = action.text and cjson.encode(action.text) or 'null'
    redis.call('HSET', rules, field, '{"until":' .. ends .. ',"text":' .. text .. '}')
  end
  raise_version()
  publish_changes({})
  return true
end

function apply.read_only()
  return set_door('read_only')
end

function apply.closed()
  return set_door('closed')
end

function apply.rules()
  for name, json in pairs(args.auto) do
    redis.call('HSET', rules, 'auto:' .. name, json)
  end
  raise_version()
  publish_changes({}, nil, auto_rules())
  return true
end

function apply.announce()
  if action.text == cjson.null or action.text == '' then
    redis.call('HDEL', rules, 'notice')
  else
    redis.call('HSET', rules, 'notice', action.text)
  end
  raise_version()
  publish_changes({})
  return true
end

-- Deletes the expired entries of a hash of bans or mutes, whose fields begin with a prefix.
local function delete_expired(key, prefix)
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    if fields[i] ~= '' and fields[i]:sub(1, #prefix) == prefix and not sanction_ms(fields[i + 1]) then
      redis.call('HDEL', key, fields[i])
    end
  end
end
delete_expired(bans, '')
delete_expired(rules, 'mute:')
lift_addresses('ban')
lift_addresses('mute')

local is_done = apply[action.act]()
mark_addresses()
if not is_done then
  return '{"outcome":"nothing"}'
end
table.sort(whom)
redis.call('XADD', record, 'MAXLEN', '~', args.records_kept, '*', 'at', digits(math.floor(now_us / 1000)), 'act',
  args.action, 'audit', args.audit, 'whom', #whom == 0 and '[]' or cjson.encode(whom))
return '{"outcome":"done"}'
