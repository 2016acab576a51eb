-- hook_again: a client wants the end of a job delivered once more, now.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: job id
-- Returns: what hook_read.lua returns, after the change.
-- Invariant: only an ended job with a webhook gets into the outbox; its tries count from 0, and one
-- that is on its way meanwhile does not count (the fence is new).
local P, id = KEYS[1], ARGV[1]
--#include now
--#include hook
local key = P .. 'job:' .. id
local job = redis.call('HMGET', key, 's', 'wh')
if not job[1] then
    return false
end
if not job[2] then
    return {job[1]}
end
if job[1] ~= 'Q' and job[1] ~= 'P' then
    redis.call('HDEL', P .. 'wh:' .. id, 'c', 'er', 'at')
    put_hook(P, id, now, redis.call('PTTL', key), redis.call('GET', P .. 'out:' .. id) or nil)
end
local log = redis.call('HMGET', P .. 'wh:' .. id, 'st', 'n', 'c', 'er', 'at', 'nx')
return {job[1], unpack(log, 1, 6)}
