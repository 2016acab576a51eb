-- chunks: the state of a job and its chunks from a position on, for readers that consume nothing.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  eight for each job: id, watcher ('' for none), rate bucket ('' for none), its limit,
--       attempt and index of the first chunk wanted (another attempt: all), largest number of bytes
--       (at least one chunk comes), version known
-- Returns for each: false when unknown, -n: rate limit, free in n ms, else {job, version, index of
--          the first chunk returned, chunks stored, chunks...}; job: what view_job says, its members
--          only when the version is not the known one.
-- Invariant: writes nothing but the watcher, so any number of readers read independently. Whoever
-- registers sees all that comes before what will be announced to it. The version changes with the
-- state, the attempt and the progress output.
local P = KEYS[1]
--#include now
--#include rate
--#include watcher
--#include explain_wait
--#include view_job
--#include read_chunks
local results = {}
for i = 1, #ARGV, 8 do
    local id = ARGV[i]
    local key, chunks = P .. 'job:' .. id, P .. 'chunks:' .. id
    local limited = rate_exceeded(P, now, ARGV[i + 2], ARGV[i + 3])
    local record = not limited and redis.call('HMGET', key, 's', 'a', 'pv', 'ch')
    if limited or not record[1] then
        results[#results + 1] = limited or false
    else
        local version = record[1] .. record[2] .. '.' .. (record[3] or 0)
        local job, watchers = view_job(P, id, version ~= ARGV[i + 7])
        if record[1] == 'Q' or record[1] == 'P' then
            add_watcher(key, watchers, ARGV[i + 1], '+')
        end
        local stored = record[4] and redis.call('LLEN', chunks) or 0
        local first = record[2] == ARGV[i + 4] and tonumber(ARGV[i + 5]) or 0
        local result = {job, version, first, stored}
        read_chunks(result, chunks, first, stored, tonumber(ARGV[i + 6]))
        results[#results + 1] = result
    end
end
return results
