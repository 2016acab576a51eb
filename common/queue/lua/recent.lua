-- recent: the latest jobs of an endpoint, newest first. Reads only.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: rate bucket ('' for none), 2: its limit
-- Returns: for each job that has not expired {id, what read.lua returns without members};
--          -n: rate limit, free in n ms.
local P = KEYS[1]
--#include now
--#include rate
local limited = rate_exceeded(P, now, ARGV[1], ARGV[2])
if limited then
    return limited
end
local results = {}
for _, id in ipairs(redis.call('LRANGE', P .. 'recent', 0, 99)) do
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 't0', 't1', 't2', 'w', 'r', 'fr', 'o')
    if job[1] then
        results[#results + 1] = {id, job}
    end
end
return results
