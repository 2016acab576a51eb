-- crashed: a handler process has ended before it took a job.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, 2: release of the endpoint document it was started with, 3: how it ended and what it
--       said last (short; '': somebody else knows and tells), 4: '1' when somebody else ended it (a kill,
--       not for want of memory)
-- Returns: how many starts of that release have died in a row.
-- Invariant: counts of another release start anew; proven.lua and the scheduler forget them when a start
-- succeeds. A kill from outside says nothing about a release that has taken a job before; of one that
-- has not it counts, for such a handler may well kill itself. The scheduler is woken because it may have
-- to stop further starts.
local P = KEYS[1]
--#include now
local stats = redis.call('HMGET', P .. 'stats', 'deaths', 'deathRelease', 'proven')
if ARGV[4] == '1' and stats[3] == ARGV[2] then
    return 0
end
local deaths = (stats[2] == ARGV[2] and tonumber(stats[1]) or 0) + 1
redis.call('HSET', P .. 'stats', 'deaths', deaths, 'deathRelease', ARGV[2], 'deathAt', now)
if ARGV[3] ~= '' then
    redis.call('HSET', P .. 'crash', 'said', ARGV[3], 'agent', ARGV[1], 'at', now)
end
redis.call('PEXPIRE', P .. 'crash', 86400000)
redis.call('PUBLISH', 'mr:wake', P)
return deaths
