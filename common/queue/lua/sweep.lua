-- sweep: ends or returns jobs whose deadline has passed.
--   IN_PROGRESS -> TIMED_OUT (execution timeout), IN_QUEUE | FAILED (lease lapsed)
--   IN_QUEUE -> TIMED_OUT (TTL)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: most jobs to handle, 2: automatic retries allowed, 3 and 4: Redis time (ms) from which on
--       leases lapse, and until which the caller may sweep: see lead
-- Returns: number handled, then four for each change: id, new state letter, watchers, token.
-- Invariant: a lease that lapsed while nobody could renew is given until ARGV 3; a call that was
-- delayed past ARGV 4 (sent again after an outage) does nothing to running jobs.
-- Of a job whose record is gone nothing stays: it leaves its gauge and its other keys are removed.
-- Cost is what is due, not what is queued. Ids of ended jobs that have come to the head of a list are
-- dropped too, so that a queue nobody takes from does not keep them for ever.
local P, left, retries_max = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
--#include now
--#include ring
--#include hook
--#include end_job
--#include backstop
--#include lose_job
local result, handled = {0}, 0
local from, may_lapse = tonumber(ARGV[3]), now <= tonumber(ARGV[4])
local function note(id, state, job)
    for _, value in ipairs({id, state, job[2] or '', job[3]}) do
        result[#result + 1] = value
    end
end
local function forget(id, gauge)
    redis.call('HINCRBY', P .. 'stats', gauge, -1)
    redis.call('UNLINK', P .. 'in:' .. id, P .. 'out:' .. id, P .. 'chunks:' .. id, P .. 'wh:' .. id)
end
local function read(id)
    return redis.call('HMGET', P .. 'job:' .. id, 's', 'wt', 'tk', 're', 'r', 'c', 't1', 'to',
        'ag', 'a', 'wh')
end
local most = may_lapse and left or 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, most)) do
    local job = read(id)
    handled = handled + 1
    redis.call('ZREM', P .. 'due', id)
    if job[1] == 'P' and now >= job[7] + job[8] then
        end_job(P, id, 'T', now, job[4], '"error":"executionTimeout exceeded"', job[11])
        redis.call('HINCRBY', P .. 'stats', 'inProgress', -1)
        redis.call('HINCRBY', P .. 'stats', 'failed', 1)
        redis.call('PUBLISH', 'mr:agent:' .. job[9], 'stop ' .. id .. ' ' .. job[10])
        note(id, 'T', job)
    elseif job[1] == 'P' and now < from then
        redis.call('ZADD', P .. 'due', math.min(from, job[7] + job[8]), id)
    elseif job[1] == 'P' then
        local state = lose_job(P, id, now, {job[5], job[6], job[4], job[11]}, retries_max,
            '"error":"worker lost: its agent stopped renewing the lease' ..
            '\\n{\\"millrace\\":{\\"cause\\":\\"lease_lapsed\\"}}"')
        note(id, state, job)
    elseif not job[1] then
        forget(id, 'inProgress')
    end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'ttl', '-inf', now, 'LIMIT', 0,
    left - handled)) do
    local job = read(id)
    handled = handled + 1
    redis.call('ZREM', P .. 'ttl', id)
    if job[1] == 'Q' then
        end_job(P, id, 'T', now, job[4], '"error":"ttl expired in queue"', job[11])
        redis.call('HINCRBY', P .. 'stats', 'inQueue', -1)
        redis.call('HINCRBY', P .. 'stats', 'failed', 1)
        note(id, 'T', job)
    elseif not job[1] then
        forget(id, 'inQueue')
    end
end
for _, list in ipairs({P .. 'q', P .. 'q:low'}) do
    while handled < left do
        local id = redis.call('LINDEX', list, 0)
        if not id or redis.call('HGET', P .. 'job:' .. id, 's') == 'Q' then
            break
        end
        redis.call('LPOP', list)
        handled = handled + 1
    end
end
result[1] = handled
return result
