-- balance: an API node tells how many requests to a load-balancing endpoint it has in hand.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: node ('' only reads), 2: requests that wait for a worker, 3: requests at a worker,
--       4: ms for which this is believed
-- Returns: {waiting, running}: of all nodes that have told something lately.
-- Invariant: the gauges inQueue and inProgress of such an endpoint are these sums, so a node that
-- dies stops counting as soon as anybody asks.
local P, node = KEYS[1], ARGV[1]
--#include now
if node ~= '' then
    redis.call('HSET', P .. 'balance', node,
        string.format('%s %s %.0f', ARGV[2], ARGV[3], now + ARGV[4]))
end
local waiting, running = 0, 0
local all = redis.call('HGETALL', P .. 'balance')
for i = 1, #all, 2 do
    local w, r, believed = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
    if believed and tonumber(believed) > now then
        waiting, running = waiting + w, running + r
    else
        redis.call('HDEL', P .. 'balance', all[i])
    end
end
redis.call('HSET', P .. 'stats', 'inQueue', waiting, 'inProgress', running)
if node ~= '' and waiting > 0 and tonumber(redis.call('HGET', P .. 'stats', 'ready') or 0) == 0 then
    redis.call('PUBLISH', 'mr:wake', P)
end
return {waiting, running}
