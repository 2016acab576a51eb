-- The worker of a running job is gone. With tries left and an input (an orphan has none) the job goes
-- back to the head of its class and its queue TTL starts anew; otherwise it ends FAILED with the
-- reason. What the lost attempt streamed stays until the next one begins (take): its holder may only
-- have been cut off, and then goes on (renew, append, finish). A caller that knows the holder gone
-- removes 'ag'.
-- Needs backstop. Returns the new state. job: {retries so far, class, retention, 'wh'}; times of the
-- record are read here.
local function lose_job(P, id, now, job, retries_max, members)
    local retries = tonumber(job[1] or 0)
    redis.call('ZREM', P .. 'due', id)
    redis.call('HINCRBY', P .. 'stats', 'inProgress', -1)
    if retries >= retries_max or redis.call('EXISTS', P .. 'in:' .. id) == 0 then
        end_job(P, id, 'F', now, job[3], members, job[4])
        redis.call('HINCRBY', P .. 'stats', 'failed', 1)
        return 'F'
    end
    local times = redis.call('HMGET', P .. 'job:' .. id, 't0', 'tl', 'to')
    local ttl = times[2] - times[1]
    local expiry = now + ttl
    redis.call('HSET', P .. 'job:' .. id, 's', 'Q', 'r', retries + 1, 'tl', expiry)
    redis.call('PEXPIRE', P .. 'job:' .. id, backstop(ttl, times[3], job[3]))
    redis.call('ZADD', P .. 'ttl', expiry, id)
    redis.call('UNLINK', P .. 'out:' .. id)
    redis.call('LPUSH', P .. (job[2] == 'l' and 'q:low' or 'q'), id)
    redis.call('HINCRBY', P .. 'stats', 'inQueue', 1)
    redis.call('HINCRBY', P .. 'stats', 'retried', 1)
    ring(P)
    return 'Q'
end
