-- beat: an agent says that it lives and reads what it shall run.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: agent, 2: description (JSON: host, slots ...)
-- Returns: {now ms, then endpoint id and number of workers wanted ...}: the assignment.
-- The assignment is a wish: the agent converges and reports.
local P, agent = KEYS[1], ARGV[1]
--#include now
redis.call('HSET', P .. 'agents', agent, ARGV[2])
redis.call('HSET', P .. 'beats', agent, now)
local result = {now}
for _, value in ipairs(redis.call('HGETALL', P .. 'assign:' .. agent)) do
    result[#result + 1] = value
end
return result
