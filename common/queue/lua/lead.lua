-- lead: takes or keeps the scheduler's lock. A new leader gets a larger epoch than all before it.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: scheduler id, 2: lock ms
-- Returns: the leader's epoch when the caller leads, else 0.
local P, id = KEYS[1], ARGV[1]
local holder = redis.call('GET', P .. 'leader')
if holder and holder ~= id then
    return 0
end
redis.call('SET', P .. 'leader', id, 'PX', ARGV[2])
if holder == id then
    return tonumber(redis.call('GET', P .. 'epoch') or 0)
end
return redis.call('INCR', P .. 'epoch')
