-- cancel: the client no longer wants the job. (IN_QUEUE | IN_PROGRESS -> CANCELLED)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: id, 2: rate bucket ('' for none), 3: its limit
-- Returns: false when unknown, else {state letter, watchers, token, delay ms, execution ms, worker};
--          -n: rate limit, free in n ms.
-- Invariant: O(1): a queued id stays in its list and is dropped by take. The agent that runs the
-- job is told at once by PUBLISH, and by its next renewal when that was lost.
local P, id = KEYS[1], ARGV[1]
--#include now
--#include hook
--#include end_job
--#include rate
local limited = rate_exceeded(P, now, ARGV[2], ARGV[3])
if limited then
    return limited
end
local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'wt', 'tk', 're', 'ag', 'a', 't0', 't1', 'w',
    'wh')
local state = job[1]
if not state then
    return false
end
if state == 'Q' or state == 'P' then
    end_job(P, id, 'X', now, job[4], nil, job[10])
    redis.call('ZREM', P .. (state == 'P' and 'due' or 'ttl'), id)
    redis.call('HINCRBY', P .. 'stats', state == 'Q' and 'inQueue' or 'inProgress', -1)
    if state == 'P' then
        redis.call('PUBLISH', 'mr:agent:' .. job[5], 'stop ' .. id .. ' ' .. job[6])
    end
    state = 'X'
    return {state, job[2] or '', job[3], (job[8] or now) - job[7], job[8] and now - job[8] or 0,
        job[9] or ''}
end
return {state, '', job[3], 0, 0, job[9] or ''}
