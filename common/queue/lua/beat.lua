-- beat: an agent says that it lives and reads what it shall run.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: agent, 2: description (JSON: host, slots ...), 3: time of its last beat that was answered,
--       0: none
-- Returns: {now ms, ms of writes that the store has lost, epoch of the assignment (0: there is none),
--          then endpoint id and number of workers wanted ...}.
-- The assignment is a wish: the agent converges and reports. A beat that was answered and is not
-- there any more is how a fail-over, or older data, shows.
local P, agent = KEYS[1], ARGV[1]
--#include now
local last = redis.call('HGET', P .. 'beats', agent)
redis.call('HSET', P .. 'agents', agent, ARGV[2])
redis.call('HSET', P .. 'beats', agent, now)
local result = {now, last and math.max(ARGV[3] - last, 0) or 0, 0}
local assignment = redis.call('HGETALL', P .. 'assign:' .. agent)
for i = 1, #assignment, 2 do
    if assignment[i] == ':epoch' then
        result[3] = tonumber(assignment[i + 1])
    else
        result[#result + 1] = assignment[i]
        result[#result + 1] = assignment[i + 1]
    end
end
return result
