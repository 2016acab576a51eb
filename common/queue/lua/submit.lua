-- submit: stores new jobs and queues them. (-> IN_QUEUE)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  ten for each job: id, members (text of "input" and further members for the worker),
--       class ('' or 'l' for low priority), execution timeout ms, TTL ms in the queue,
--       '1' when that TTL is not the endpoint's default, retention ms after the end,
--       largest number waiting at which one more is accepted, token, watcher ('' for none)
-- Returns for each job: 1 stored, 0 refused because too many wait, 2 stored by an earlier try.
-- Invariant: a job is in its list, in the gauge and in a record together or not at all. Sent again
-- after a lost connection it changes nothing: the input key is the witness.
local P = KEYS[1]
--#include now
--#include ring
local stats = redis.call('HMGET', P .. 'stats', 'inQueue', 'seq', 'hungry', 'ready')
local waiting, seq = tonumber(stats[1] or 0), tonumber(stats[2] or 0)
local before = waiting
local results, normal, low, stored = {}, {}, {}, {}
for i = 1, #ARGV, 10 do
    local id, class, ttl = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 4])
    local keep = 86400000 + ttl + 4 * ARGV[i + 3] + ARGV[i + 6]
    if waiting > tonumber(ARGV[i + 7]) then
        results[#results + 1] = 0
    elseif not redis.call('SET', P .. 'in:' .. id, ARGV[i + 1], 'NX', 'PX', keep) then
        results[#results + 1] = 2
    else
        local key = P .. 'job:' .. id
        seq = seq + 1
        waiting = waiting + 1
        redis.call('HSET', key, 's', 'Q', 'a', 0, 'n', seq, 't0', now, 'to', ARGV[i + 3],
            'tl', now + ttl, 're', ARGV[i + 6], 'tk', ARGV[i + 8],
            class ~= '' and 'c' or 'wt', class ~= '' and class or ARGV[i + 9])
        if class ~= '' and ARGV[i + 9] ~= '' then
            redis.call('HSET', key, 'wt', ARGV[i + 9])
        end
        redis.call('PEXPIRE', key, keep)
        if ARGV[i + 5] == '1' then
            redis.call('ZADD', P .. 'due', now + ttl, id)
        end
        local list = class == 'l' and low or normal
        list[#list + 1] = id
        stored[#stored + 1] = id
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
    redis.call('LPUSH', P .. 'recent', unpack(stored))
    redis.call('LTRIM', P .. 'recent', 0, 99)
    redis.call('HSET', P .. 'stats', 'inQueue', waiting, 'seq', seq, 'hungry', 0)
    if stats[3] == '1' then
        ring(P)
    end
    if tonumber(stats[4] or 0) == 0 then
        redis.call('PUBLISH', 'mr:wake', P)
    end
end
return results
