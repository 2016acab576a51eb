-- assign: the leader writes what one agent shall run.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: epoch, 2: agent, then two for each endpoint: id, number of workers wanted
-- Returns: 1, or 0 when a younger leader exists (a paused old leader can do no harm).
-- The epoch stands in the assignment, as ":epoch": an agent takes none that is older than its last.
local P, agent = KEYS[1], ARGV[2]
if tonumber(redis.call('GET', P .. 'epoch') or 0) > tonumber(ARGV[1]) then
    return 0
end
redis.call('DEL', P .. 'assign:' .. agent)
redis.call('HSET', P .. 'assign:' .. agent, ':epoch', ARGV[1], unpack(ARGV, 3))
redis.call('PEXPIRE', P .. 'assign:' .. agent, 86400000)
redis.call('PUBLISH', 'mr:agent:' .. agent, 'assign')
return 1
