-- expire: shortens the life of a job's record (/status?ttl=).
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: id, 2: ms from now
-- Returns: 1, or 0 when unknown.
-- A job that has ended is kept at most that long from now; one that has not ended will be kept that
-- long after its end. It is never killed by this.
local P, id, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local key = P .. 'job:' .. id
local state = redis.call('HGET', key, 's')
if not state then
    return 0
end
if state == 'Q' or state == 'P' then
    redis.call('HSET', key, 're', ttl)
    return 1
end
for _, name in ipairs({key, P .. 'in:' .. id, P .. 'out:' .. id, P .. 'chunks:' .. id,
    P .. 'wh:' .. id}) do
    local left = redis.call('PTTL', name)
    if left > ttl then
        redis.call('PEXPIRE', name, ttl)
    end
end
return 1
