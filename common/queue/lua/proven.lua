-- proven: a handler process has taken its first job.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: release of the endpoint document it was started with
-- Returns: how many starts of that release had died in a row.
-- Invariant: the row ends with a start that succeeds, here and not only where the scheduler happens to
-- look while that worker lives; the scheduler is woken when that row has held starts back.
local P = KEYS[1]
local stats = redis.call('HMGET', P .. 'stats', 'deaths', 'deathRelease', 'proven')
local deaths = stats[2] == ARGV[1] and tonumber(stats[1]) or 0
if stats[3] ~= ARGV[1] then
    redis.call('HSET', P .. 'stats', 'proven', ARGV[1])
end
if deaths > 0 then
    redis.call('HSET', P .. 'stats', 'deaths', 0)
    redis.call('PUBLISH', 'mr:wake', P)
end
return deaths
