-- renew: an agent says which jobs it holds; their leases start anew. (IN_PROGRESS stays)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, 2: lease ms, then two for each job: id, attempt
-- Returns for each job: 1 still held, 0 no longer (cancelled, timed out, lost, unknown): stop it.
local P, lease = KEYS[1], tonumber(ARGV[2])
--#include now
local results = {}
for i = 3, #ARGV, 2 do
    local job = redis.call('HMGET', P .. 'job:' .. ARGV[i], 's', 'a', 'ag', 't1', 'to')
    local is_held = job[1] == 'P' and job[2] == ARGV[i + 1] and job[3] == ARGV[1]
    if is_held then
        redis.call('ZADD', P .. 'due', math.min(now + lease, job[4] + job[5]), ARGV[i])
    end
    results[#results + 1] = is_held and 1 or 0
end
return results
