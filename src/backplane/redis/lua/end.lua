-- Ends a session's claim and presence.
-- KEYS: the room's, then the claim of the name.
-- args: session, name_key, closed_ms (for which calls of the session that are in flight cannot reclaim the name).
-- Returns: outcome 'done'.
local claim = KEYS[14]

if redis.call('GET', claim) == args.session then
  end_session(claim, args.name_key, args.session)
else
  -- The claim is another session's, or was lost: instances that hold this session's person release them.
  publish('e', digits(room.epoch), digits(room.v), room.head, args.session, delta_of({}, {}))
end
return '{"outcome":"done"}'
