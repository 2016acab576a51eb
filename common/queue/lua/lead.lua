-- lead: takes or keeps the scheduler's lock. A new leader gets a larger epoch than all before it.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: scheduler id, 2: lock ms, 3: largest epoch the caller knows of,
--       4: silence of all schedulers after which Redis is taken to have been away (ms),
--       5: ms for which no lease lapses then
-- Returns: {epoch, or 0 while another one leads, Redis time (ms) from which on leases may lapse, end of
--          the lock (ms)}.
-- Invariant: the epoch grows even when Redis has lost its data or holds older ones: it starts at the
-- clock and passes the one the leader brings. Schedulers ask all the time, so a gap between two of
-- them means that nobody could renew a lease either: holders get the time to come back first.
local P, id, known = KEYS[1], ARGV[1], tonumber(ARGV[3])
--#include now
local watch = redis.call('HMGET', P .. 'watch', 'seen', 'hold')
local hold = tonumber(watch[2] or 0)
if watch[1] and now - watch[1] > tonumber(ARGV[4]) then
    hold = now + ARGV[5]
end
redis.call('HSET', P .. 'watch', 'seen', now, 'hold', hold)
local holder = redis.call('GET', P .. 'leader')
if holder and holder ~= id then
    return {0, hold, 0}
end
redis.call('SET', P .. 'leader', id, 'PX', ARGV[2])
local epoch = tonumber(redis.call('GET', P .. 'epoch') or 0)
if holder ~= id or epoch < known then
    epoch = math.max(epoch, known, now) + 1
    redis.call('SET', P .. 'epoch', epoch)
end
return {epoch, hold, now + ARGV[2]}
