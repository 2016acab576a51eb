-- hook_take: an API node claims deliveries that are due.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: most to claim, 2: most bytes of results among them (one comes in any case), 3: lease ms
-- Returns: {ms until the next one is due, -1 for none, then for each claimed: {name, job id, URL,
--          fence, failed tries so far, what read.lua returns of the job when it ended}}.
-- Invariant: a claimed one is due again when its lease is over, so a node that dies loses nothing;
-- the fence grows with each claim and an outcome counts only with the youngest.
local P, left = KEYS[1], tonumber(ARGV[2])
--#include now
local outbox, result = P .. 'hooks', {-1}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', outbox, '-inf', now, 'LIMIT', 0, ARGV[1])) do
    local key = P .. 'hook:' .. name
    left = left - redis.call('HSTRLEN', key, 'm')
    if left < 0 and #result > 1 then
        break
    end
    local hook = redis.call('HMGET', key, 'id', 'url', 'n', 's', 't0', 't1', 't2', 'w', 'r', 'a', 'm')
    if hook[1] then
        redis.call('ZADD', outbox, now + ARGV[3], name)
        result[#result + 1] = {name, hook[1], hook[2], redis.call('HINCRBY', key, 'f', 1), hook[3],
            {hook[4], hook[5], hook[6], hook[7], hook[8], hook[9], false, false,
                hook[10], '', hook[11]}}
    else
        redis.call('ZREM', outbox, name)
    end
end
local next = redis.call('ZRANGE', outbox, 0, 0, 'WITHSCORES')
if next[2] then
    result[1] = math.max(next[2] - now, 0)
end
return result
