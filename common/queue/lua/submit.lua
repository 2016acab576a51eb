-- submit: stores new jobs and queues them. (-> IN_QUEUE)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  fourteen for each job: id, members (text of "input" and further members for the worker),
--       class ('' or 'l' for low priority), execution timeout ms, TTL ms in the queue,
--       retention ms after the end,
--       largest number waiting at which one more is accepted, token, watcher ('' for none),
--       rate bucket ('' for none), its limit, idempotency key ('' for none), digest of the body,
--       URL to be told of the end ('' for none)
-- Returns for each job: 1 stored, 0 refused because too many wait, 2 stored by an earlier try,
--          3 the idempotency key was used with another body, 4 the endpoint was deleted,
--          -n rate limit, free in n ms,
--          or the id of the job that the same key and body brought before.
-- Invariant: a job is in its list, in the gauge and in a record together or not at all. Sent again
-- after a lost connection it changes nothing: the input key is the witness.
local P = KEYS[1]
--#include now
--#include ring
--#include rate
local stats = redis.call('HMGET', P .. 'stats', 'inQueue', 'seq', 'hungry', 'ready', 'gone',
    'low')
local waiting, seq = tonumber(stats[1] or 0), tonumber(stats[2] or 0)
local before = waiting
local results, normal, low, stored, expiries = {}, {}, {}, {}, {}
for i = 1, #ARGV, 14 do
    local id, class, ttl = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 4])
    -- outlives ten automatic retries; ended jobs are given their retention
    local keep = 86400000 + 12 * (ttl + ARGV[i + 3]) + ARGV[i + 5]
    local idem = ARGV[i + 11] ~= '' and P .. 'idem:' .. ARGV[i + 11]
    local first = idem and redis.call('GET', idem)
    local limited = not first and rate_exceeded(P, now, ARGV[i + 9], ARGV[i + 10])
    if stats[5] then
        results[#results + 1] = 4
    elseif first then
        local is_same = string.sub(first, 1, #ARGV[i + 12]) == ARGV[i + 12]
        results[#results + 1] = is_same and string.sub(first, #ARGV[i + 12] + 1) or 3
    elseif limited then
        results[#results + 1] = limited
    elseif waiting > tonumber(ARGV[i + 6]) then
        results[#results + 1] = 0
    elseif not redis.call('SET', P .. 'in:' .. id, ARGV[i + 1], 'NX', 'PX', keep) then
        results[#results + 1] = 2
    else
        local key = P .. 'job:' .. id
        seq = seq + 1
        waiting = waiting + 1
        redis.call('HSET', key, 's', 'Q', 'a', 0, 'n', seq, 't0', now, 'to', ARGV[i + 3],
            'tl', now + ttl, 're', ARGV[i + 5], 'tk', ARGV[i + 7],
            class ~= '' and 'c' or 'wt', class ~= '' and class or ARGV[i + 8])
        if class ~= '' and ARGV[i + 8] ~= '' then
            redis.call('HSET', key, 'wt', ARGV[i + 8])
        end
        if ARGV[i + 13] ~= '' then
            redis.call('HSET', key, 'wh', 1)
            redis.call('HSET', P .. 'wh:' .. id, 'url', ARGV[i + 13])
            redis.call('PEXPIRE', P .. 'wh:' .. id, keep)
        end
        redis.call('PEXPIRE', key, keep)
        expiries[#expiries + 1] = now + ttl
        expiries[#expiries + 1] = id
        local list = class == 'l' and low or normal
        list[#list + 1] = id
        stored[#stored + 1] = id
        if idem then
            redis.call('SET', idem, ARGV[i + 12] .. id, 'PX', 86400000)
        end
        results[#results + 1] = 1
    end
end
if #normal > 0 then
    redis.call('RPUSH', P .. 'q', unpack(normal))
end
if #low > 0 then
    redis.call('RPUSH', P .. 'q:low', unpack(low))
end
if waiting > before then
    if redis.call('LPUSH', P .. 'recent', unpack(stored)) > 300 then
        redis.call('LTRIM', P .. 'recent', 0, 99)
    end
    redis.call('ZADD', P .. 'ttl', unpack(expiries))
    redis.call('HSET', P .. 'stats', 'inQueue', waiting, 'seq', seq, 'hungry', 0,
        'low', tonumber(stats[6] or 0) + #low)
    if stats[3] == '1' then
        ring(P)
    end
    if tonumber(stats[4] or 0) == 0 then
        redis.call('PUBLISH', 'mr:wake', P)
    end
end
return results
