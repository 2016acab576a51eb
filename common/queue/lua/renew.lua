-- renew: an agent says which jobs it holds; their leases start anew. (IN_PROGRESS stays;
--        IN_QUEUE -> IN_PROGRESS for one whose lease had lapsed while its agent was cut off)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, 2: lease ms, then three for each job: id, attempt, worker
-- Returns for each job: 1 still held, 0 no longer (cancelled, timed out, lost): stop it,
--          2 the store knows less of it than the agent: adopt it.
local P, lease = KEYS[1], tonumber(ARGV[2])
--#include now
--#include knows_less
-- Invariant: a job goes back to its holder only while no newer attempt has begun and nobody has said
-- that the holder is gone ('ag' is there): it has run on all the time, so this was no retry. Its id
-- in the list is dead.
local function take_back(id, job)
    redis.call('HSET', P .. 'job:' .. id, 's', 'P', 'r', math.max((job[6] or 1) - 1, 0))
    redis.call('ZREM', P .. 'ttl', id)
    redis.call('HINCRBY', P .. 'stats', 'inQueue', -1)
    redis.call('HINCRBY', P .. 'stats', 'inProgress', 1)
    redis.call('HINCRBY', P .. 'stats', 'retried', -1)
end
local results = {}
for i = 3, #ARGV, 3 do
    local id, attempt = ARGV[i], ARGV[i + 1]
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 'ag', 't1', 'to', 'r', 'w')
    local is_mine = job[2] == attempt and job[7] == ARGV[i + 2] and job[3] == ARGV[1]
    if is_mine and job[1] == 'Q' and now < job[4] + job[5] then
        take_back(id, job)
        job[1] = 'P'
    end
    local is_held = is_mine and job[1] == 'P'
    if is_held then
        redis.call('ZADD', P .. 'due', math.min(now + lease, job[4] + job[5]), id)
    end
    results[#results + 1] = is_held and 1 or knows_less(job[1], job[2], attempt) and 2 or 0
end
return results
