-- freed: the handler of a stopped job has let go of it. (CANCELLED | TIMED_OUT stays)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: id, 2: attempt
-- Returns: ms from the end of the job until now, -1 when ignored (unknown, other state, older
--          attempt, told before).
-- Invariant: only the attempt that was stopped can be freed, once; stats count how many and how long.
local P, key = KEYS[1], KEYS[1] .. 'job:' .. ARGV[1]
--#include now
local job = redis.call('HMGET', key, 's', 'a', 't2', 'fr', 't1')
local is_stopped = (job[1] == 'X' or job[1] == 'T') and job[5]
if not is_stopped or job[2] ~= ARGV[2] or job[4] then
    return -1
end
local ms = math.max(now - job[3], 0)
redis.call('HSET', key, 'fr', now)
redis.call('HINCRBY', P .. 'stats', 'freed', 1)
redis.call('HINCRBY', P .. 'stats', 'freedMs', ms)
return ms
