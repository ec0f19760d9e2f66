-- The log with its changes, for scripts that read or change it.
--
-- A message that was changed is no entry of the stream any more: an entry cannot be replaced, and its text must go. Its record
-- in `bodies` has what takes its place: total, at, version and head (of the change), by (the sender's session, absent:
-- unknown), body (JSON; after '-': deleted; absent: expired). `altered` has its id by total, `changes` the newest ones by
-- version. An entry that is left all the same, because XDEL was refused, counts for nothing.
-- args used: history (messages to keep), history_age_ms (absent: any age).

-- Most changes for those who resume, and most bytes of their texts in one reply: `CHANGES_KEPT`, `CHANGE_BYTES`.
local CHANGES_KEPT, CHANGE_BYTES = 2000, 1048576

-- Whether a message of this time (in milliseconds) is older than messages may get.
local function is_old(at)
  return args.history_age_ms and at < now_us / 1000 - args.history_age_ms
end

-- Whether an id comes before another.
local function precedes(one, other)
  local epoch, n = one:match('^(%d+)-(%d+)$')
  local other_epoch, other_n = other:match('^(%d+)-(%d+)$')
  if epoch ~= other_epoch then
    return tonumber(epoch) < tonumber(other_epoch)
  end
  return tonumber(n) < tonumber(other_n)
end

local function message_of_entry(entry)
  return {
    id = entry[1], total = tonumber(value_of(entry, 'total')), at = tonumber(value_of(entry, 'at')),
    by = value_of(entry, 'by'), body = value_of(entry, 'body'),
  }
end

local function message_of_record(id, text)
  local record = cjson.decode(text)
  return {
    id = id, total = tonumber(record.total), at = tonumber(record.at), by = record.by, body = record.body,
    version = record.version, head = record.head,
  }
end

local function write_record(message)
  redis.call('HSET', bodies, message.id, cjson.encode({
    total = digits(message.total), at = digits(message.at), by = message.by, body = message.body,
    version = message.version, head = message.head,
  }))
end

-- The records of these ids, as far as there are any, by id.
local function records_of(ids)
  local found = {}
  for first = 1, #ids, 1000 do
    local last = math.min(first + 999, #ids)
    for i, text in ipairs(redis.call('HMGET', bodies, unpack(ids, first, last))) do
      if text then
        local id = ids[first + i - 1]
        found[id] = message_of_record(id, text)
      end
    end
  end
  return found
end

local function is_removed(message)
  return message.body and message.body:sub(1, 1) == '-'
end

-- Marks messages that an older version has deleted: it leaves the entry, and notes the id.
local function mark_removed(messages)
  local ids = {}
  for i, message in ipairs(messages) do
    ids[i] = message.id
  end
  if #ids == 0 then
    return messages
  end
  for i, place in ipairs(redis.call('ZMSCORE', removed, unpack(ids))) do
    if place and messages[i].body and not is_removed(messages[i]) then
      messages[i].body = '-' .. messages[i].body
    end
  end
  return messages
end

-- The position with this id, if it is in the log.
local function find(id)
  local record = redis.call('HGET', bodies, id)
  if record and record ~= '' then
    return message_of_record(id, record)
  end
  local entry = redis.call('XRANGE', log, id, id)[1]
  return entry and mark_removed({ message_of_entry(entry) })[1]
end

-- Merges entries and changed ids by their place; the first `count` in the given direction.
local function merge(entries, ids, count, is_backward)
  local by_total, totals = {}, {}
  local function add(message)
    if not by_total[message.total] then
      totals[#totals + 1] = message.total
    end
    by_total[message.total] = message
  end
  for _, entry in ipairs(entries) do
    add(message_of_entry(entry))
  end
  for _, message in pairs(records_of(ids)) do
    add(message)
  end
  table.sort(totals, function(one, other)
    if is_backward then
      return one > other
    end
    return one < other
  end)
  local merged = {}
  for i = 1, math.min(count, #totals) do
    merged[i] = by_total[totals[i]]
  end
  return mark_removed(merged)
end

-- The positions after a place, oldest first. `start`: the first id of the range, as XRANGE takes it.
local function list_after(start, total, count)
  local ids = redis.call('ZRANGE', altered, '(' .. digits(total), '+inf', 'BYSCORE', 'LIMIT', 0, count)
  return merge(redis.call('XRANGE', log, start, '+', 'COUNT', count), ids, count, false)
end

-- The positions before a place, newest first. `start`: the last id of the range, as XREVRANGE takes it.
local function list_before(start, total, count)
  local ids = redis.call('ZRANGE', altered, '(' .. digits(total), '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, count)
  return merge(redis.call('XREVRANGE', log, start, '-', 'COUNT', count), ids, count, true)
end

-- Forgets changed messages whose place is not above `total`, at most 1000.
local function forget_records(total)
  local ids = redis.call('ZRANGE', altered, '-inf', digits(total), 'BYSCORE', 'LIMIT', 0, 1000, 'WITHSCORES')
  if #ids == 0 then
    return
  end
  local gone = {}
  for i = 1, #ids, 2 do
    gone[#gone + 1] = ids[i]
  end
  redis.call('HDEL', bodies, unpack(gone))
  redis.call('ZREMRANGEBYSCORE', altered, '-inf', ids[#ids])
  redis.call('ZREMRANGEBYSCORE', removed, '-inf', ids[#ids])
end

-- Of the first 1000 entries of the stream: the last one that `is_gone`, and the first one that is not.
local function divide(is_gone)
  local last
  local entries = redis.call('XRANGE', log, '-', '+', 'COUNT', 1000)
  for _, entry in ipairs(entries) do
    local message = message_of_entry(entry)
    if not is_gone(message) then
      return last, message
    end
    last = message
  end
  return last, nil, #entries < 1000
end

-- Deletes all entries up to a divide.
local function trim_entries(last, first_kept, has_all)
  if first_kept then
    redis.call('XTRIM', log, 'MINID', first_kept.id)
  elseif has_all then
    redis.call('XTRIM', log, 'MAXLEN', 0)
  elseif last then
    redis.call('XTRIM', log, 'MINID', last.id)
  end
end

-- Deletes messages that are too old: all but the last, the position before what is kept.
local function trim_by_age()
  local ids = redis.call('ZRANGE', altered, 0, 99)
  local records, expired = records_of(ids), nil
  for _, id in ipairs(ids) do
    local message = records[id]
    if message and not is_old(message.at) then
      break
    end
    expired = message or expired
  end
  local second = redis.call('XRANGE', log, '-', '+', 'COUNT', 2)[2]
  if not expired and not (second and is_old(tonumber(value_of(second, 'at')))) then
    return
  end
  local last, first_kept, has_all = divide(function(message)
    return is_old(message.at)
  end)
  if not expired or last and last.total > expired.total then
    redis.call('XTRIM', log, 'MINID', last.id)
    if expired then
      forget_records(expired.total)
    end
    return
  end
  if last then
    trim_entries(last, first_kept, has_all)
  end
  forget_records(expired.total - 1)
  if expired.body then
    expired.body = nil
    write_record(expired)
  end
end

-- The first place of the changed messages that lead up to a place without a hole.
local function begin_of_run(total)
  local lowest = redis.call('ZRANGE', altered, 0, 0, 'WITHSCORES')[2]
  if not lowest or tonumber(lowest) >= total then
    return total
  end
  while true do
    local places = redis.call('ZRANGE', altered, '(' .. digits(total), '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1000, 'WITHSCORES')
    for i = 2, #places, 2 do
      if tonumber(places[i]) ~= total - 1 then
        return total
      end
      total = total - 1
    end
    if #places < 2000 then
      return total
    end
  end
end

-- Deletes messages that are too old or too many. Entries that were changed do not count for MAXLEN. Changed messages that
-- are older than the stream's first entry stay only if they lead up to it without a hole.
local function trim_log()
  if args.history_age_ms then
    trim_by_age()
  end
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  local oldest = first and tonumber(value_of(first, 'total')) or room.total + 1
  local surplus = room.total - args.history
  if oldest <= surplus - 200 then
    local last, first_kept, has_all = divide(function(message)
      return message.total <= surplus
    end)
    trim_entries(last, first_kept, has_all)
    oldest = first_kept and first_kept.total or has_all and room.total + 1 or last.total
  end
  oldest = begin_of_run(oldest)
  if oldest <= surplus - 200 then
    oldest = surplus + 1
  end
  forget_records(oldest - 1)
end

-- Reports of messages: a hash of ids to JSON. The empty field has the first id that was reported since the reports were last
-- swept, so that a sweep is due only when the log is trimmed beyond it.
local function note_reported(reports, id)
  local first = redis.call('HGET', reports, '')
  if not first or precedes(id, first) then
    redis.call('HSET', reports, '', id)
  end
end

-- Drops the reports of messages that were trimmed or are too old.
local function sweep_reports(reports)
  local first = redis.call('HGET', reports, '')
  local oldest = first and list_after('-', -1, 1)[1]
  if not oldest or not precedes(first, oldest.id) and not (first == oldest.id and is_old(oldest.at)) then
    return
  end
  redis.call('HDEL', reports, '')
  local fields = redis.call('HGETALL', reports)
  for i = 1, #fields, 2 do
    local message = find(fields[i])
    if message and message.body and not is_removed(message) and not is_old(message.at) then
      note_reported(reports, fields[i])
    else
      redis.call('HDEL', reports, fields[i])
    end
  end
end

-- Puts a body in place of a message's own, as part of the step to the room's version.
local function replace_body(message, body)
  message.version, message.head, message.body = digits(room.v), room.head, body
  write_record(message)
  redis.call('ZADD', altered, digits(message.total), message.id)
  redis.call('ZADD', changes, digits(room.v), message.id)
  if is_removed(message) then
    redis.call('ZADD', removed, digits(message.total), message.id)
  end
  -- Refused by the ACL of an older version: the text stays until the log is trimmed.
  redis.pcall('XDEL', log, message.id)
  local over = redis.call('ZRANGE', changes, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', CHANGES_KEPT, 1, 'WITHSCORES')
  if over[1] then
    local dropped = records_of({ over[1] })[over[1]]
    redis.call('HSET', meta, 'dropped', over[2], 'dropped_head', dropped and dropped.head or room.head)
    redis.call('ZREMRANGEBYSCORE', changes, '-inf', over[2])
  end
end

-- A body whose text is erased.
local function erased(body)
  local left = cjson.decode(body)
  return '-' .. cjson.encode({ nonce = left.nonce, from = left.from, text = '' })
end

-- The rules that apply by themselves: JSON by name, as they are stored.
local AUTO_RULES = { 'words', 'links', 'newcomers', 'repeats', 'reserved', 'quiet' }
local function auto_rules()
  local fields = {}
  for i, name in ipairs(AUTO_RULES) do
    fields[i] = 'auto:' .. name
  end
  local set = {}
  for i, json in ipairs(redis.call('HMGET', rules, unpack(fields))) do
    set[AUTO_RULES[i]] = json or nil
  end
  return set
end

-- Publishes deleted ids, the edited message if there is one, the rules, and those that apply by themselves if they have
-- changed. Older versions skip `edited`, the doors and `auto`.
local function publish_changes(ids, edited, auto)
  local set = redis.call('HMGET', rules, 'slow', 'notice', 'read_only', 'closed')
  local text = '{"slow_ms":' .. (set[1] or '0') .. ',"notice":' .. (set[2] and cjson.encode(set[2]) or 'null')
  if set[3] then
    text = text .. ',"read_only":' .. set[3]
  end
  if set[4] then
    text = text .. ',"closed":' .. set[4]
  end
  if edited then
    text = text .. ',"edited":[{"id":"' .. edited.id .. '","at":' .. digits(edited.at) .. ',"body":' .. edited.body .. '}]'
  end
  if auto then
    text = text .. ',"auto":' .. cjson.encode(auto)
  end
  publish('r', digits(room.epoch), digits(room.v), room.head, #ids == 0 and '-' or table.concat(ids, ','), text .. '}')
end
