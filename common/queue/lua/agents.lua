-- agents: the machines that have registered and when each was last heard of. Reads only.
-- KEYS  1: prefix "mr:{sys}:"
-- Returns: {now ms, then agent, time of its last beat (ms, 0: never), description ...}
local P = KEYS[1]
--#include now
local result, beats = {now}, {}
local pairs_of = redis.call('HGETALL', P .. 'beats')
for i = 1, #pairs_of, 2 do
    beats[pairs_of[i]] = tonumber(pairs_of[i + 1])
end
local agents = redis.call('HGETALL', P .. 'agents')
for i = 1, #agents, 2 do
    result[#result + 1] = agents[i]
    result[#result + 1] = beats[agents[i]] or 0
    result[#result + 1] = agents[i + 1]
end
return result
