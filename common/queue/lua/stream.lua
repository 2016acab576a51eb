-- stream: the next chunks of one reader-consumed stream; advances the job's cursor.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: id, 2: largest number of bytes to return (at least one chunk comes), 3: watcher,
--       4: a name for this reading, so that it gives the same when sent again,
--       5: rate bucket ('' for none), 6: its limit
-- Returns: false when unknown, else {state letter, attempt, token, is there more (0/1), chunks...};
--          -n: rate limit, free in n ms.
-- Invariant: each chunk is returned once, in order; "more" is 0 only with the last ones.
-- Reading nothing while the job goes on registers the watcher, as one that wants chunks.
local P, id, budget, watcher = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
--#include now
--#include rate
--#include read_chunks
--#include watcher
local limited = rate_exceeded(P, now, ARGV[5], ARGV[6])
if limited then
    return limited
end
local key, chunks, reading = P .. 'job:' .. id, P .. 'chunks:' .. id, ARGV[4]
local job = redis.call('HMGET', key, 's', 'a', 'tk', 'cu', 'ch', 'wt', 'rn', 'rc')
if not job[1] then
    return false
end
local cursor = tonumber((job[7] == reading and job[8]) or job[4] or 0)
local stored = job[5] and redis.call('LLEN', chunks) or 0
local result = {job[1], job[2], job[3], 0}
local start = cursor
cursor = read_chunks(result, chunks, cursor, stored, budget)
if cursor > start then
    redis.call('HSET', key, 'cu', cursor, 'rn', reading, 'rc', start)
elseif job[1] == 'Q' or job[1] == 'P' then
    add_watcher(key, job[6], watcher, '+')
end
result[4] = cursor < stored and 1 or 0
return result
