-- dissolve: ends the jobs of a deleted endpoint, one page at a time.
--   IN_PROGRESS | IN_QUEUE -> CANCELLED
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: most jobs to look at
-- Returns: 1 when more may be left, else 0; then three for each ended job that somebody watches:
--          id, watchers, token.
-- Invariant: running ones come first and submit accepts none since the document went (configure sets
-- `gone`), so a page that is not full leaves neither a running nor a waiting job, whatever the agents
-- did meanwhile. An endpoint that was made anew keeps what is left.
local P, left = KEYS[1], tonumber(ARGV[1])
--#include now
--#include hook
--#include end_job
if redis.call('HEXISTS', P .. 'conf', 'doc') == 1 then
    return {0}
end
local result, running, waiting = {0}, 0, 0
local function note(id, job)
    if job[2] and job[2] ~= '' then
        for _, value in ipairs({id, job[2], job[3]}) do
            result[#result + 1] = value
        end
    end
end
local function read(id)
    left = left - 1
    return redis.call('HMGET', P .. 'job:' .. id, 's', 'wt', 'tk', 're', 'ag', 'a', 'wh')
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'due', 0, left - 1)) do
    local job = read(id)
    redis.call('ZREM', P .. 'due', id)
    if job[1] == 'P' then
        running = running + 1
        end_job(P, id, 'X', now, job[4], nil, job[7])
        redis.call('PUBLISH', 'mr:agent:' .. job[5], 'stop ' .. id .. ' ' .. job[6])
        note(id, job)
    end
end
for _, list in ipairs({P .. 'q', P .. 'q:low'}) do
    local ids = left > 0 and redis.call('LPOP', list, left)
    for _, id in ipairs(ids or {}) do
        local job = read(id)
        if job[1] == 'Q' then
            waiting = waiting + 1
            end_job(P, id, 'X', now, job[4], nil, job[7])
            redis.call('ZREM', P .. 'ttl', id)
            note(id, job)
        end
    end
end
if running > 0 then
    redis.call('HINCRBY', P .. 'stats', 'inProgress', -running)
end
if waiting > 0 then
    redis.call('HINCRBY', P .. 'stats', 'inQueue', -waiting)
end
if left == 0 then
    result[1] = 1
else
    redis.call('UNLINK', P .. 'bell', P .. 'recent', P .. 'crash', P .. 'decisions')
    redis.call('HDEL', P .. 'stats', 'completed', 'failed', 'retried', 'reason', 'deaths',
        'proven')
end
return result
