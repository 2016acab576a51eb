-- hook_done: how one try of a delivery ended.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: name, 2: fence of the claim, 3: HTTP status (0 for none), 4: what went wrong ('' when
--       delivered), 5: ms until the next try, 6: ms after the end of the job in which tries begin
-- Returns: {'D' delivered, 'Q' tried again, 'G' given up or '' ignored (claimed by somebody else
--          since, or withdrawn), tries, ms until the next try}.
-- Invariant: never changes the job; the log is written while the job is kept and has not been retried.
local P, name = KEYS[1], ARGV[1]
--#include now
local key = P .. 'hook:' .. name
local hook = redis.call('HMGET', key, 'f', 'id', 'a', 'e', 'n')
if hook[1] ~= ARGV[2] then
    return {'', 0, 0}
end
local tries, next, state = hook[5] + 1, now + ARGV[5], 'Q'
if ARGV[4] == '' then
    state = 'D'
elseif next > hook[4] + ARGV[6] then
    state = 'G'
end
if state == 'Q' then
    redis.call('HSET', key, 'n', tries, 'f', hook[1] + 1)
    redis.call('ZADD', P .. 'hooks', next, name)
else
    redis.call('UNLINK', key)
    redis.call('ZREM', P .. 'hooks', name)
end
local log = P .. 'wh:' .. hook[2]
if redis.call('HGET', P .. 'job:' .. hook[2], 'a') == hook[3] and redis.call('EXISTS', log) == 1 then
    redis.call('HSET', log, 'st', state, 'n', tries, 'c', ARGV[3], 'er', ARGV[4], 'at', now,
        'nx', state == 'Q' and next or '')
end
return {state, tries, tonumber(ARGV[5])}
