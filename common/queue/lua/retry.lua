-- retry: a client wants a failed job run again. (FAILED | TIMED_OUT -> IN_QUEUE)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: id
-- Returns: false when unknown, when its input has expired or the endpoint was deleted, else
--          {1 or 0 (not failed), state letter}.
-- Invariant: the only way out of a final state. Output, error and chunks are gone with the same step;
-- waiting time and queue TTL start anew; the job goes behind those that wait already. The attempt
-- grows, so that a late post of the one that failed cannot end it again.
-- A delivery of the end that is undone is withdrawn.
local P, id = KEYS[1], ARGV[1]
--#include now
--#include ring
--#include backstop
local key = P .. 'job:' .. id
local job = redis.call('HMGET', key, 's', 't0', 'tl', 'to', 're', 'c', 'r', 'wh', 'a')
if not job[1] or redis.call('HEXISTS', P .. 'stats', 'gone') == 1 then
    return false
end
if job[1] ~= 'F' and job[1] ~= 'T' then
    return {0, job[1]}
end
local ttl = job[3] - job[2]
if redis.call('EXISTS', P .. 'in:' .. id) == 0 then
    return false
end
redis.call('PERSIST', P .. 'in:' .. id)
redis.call('PEXPIRE', key, backstop(ttl, job[4], job[5]))
redis.call('HSET', key, 's', 'Q', 't0', now, 'tl', now + ttl, 'cu', 0,
    'r', tonumber(job[7] or 0) + 1, 'n', redis.call('HINCRBY', P .. 'stats', 'seq', 1))
redis.call('HINCRBY', key, 'a', 1)
if job[8] then
    redis.call('ZREM', P .. 'hooks', id .. '_' .. job[9])
    redis.call('UNLINK', P .. 'hook:' .. id .. '_' .. job[9])
    redis.call('HDEL', P .. 'wh:' .. id, 'st', 'n', 'c', 'er', 'at', 'nx')
    redis.call('PERSIST', P .. 'wh:' .. id)
end
redis.call('HDEL', key, 't1', 't2', 'ch', 'rn', 'wt', 'w', 'fr')
redis.call('UNLINK', P .. 'out:' .. id, P .. 'chunks:' .. id)
redis.call('RPUSH', P .. (job[6] == 'l' and 'q:low' or 'q'), id)
redis.call('ZADD', P .. 'ttl', now + ttl, id)
redis.call('HINCRBY', P .. 'stats', 'inQueue', 1)
redis.call('HINCRBY', P .. 'stats', 'retried', 1)
ring(P)
if tonumber(redis.call('HGET', P .. 'stats', 'ready') or 0) == 0 then
    redis.call('PUBLISH', 'mr:wake', P)
end
return {1, 'Q'}
