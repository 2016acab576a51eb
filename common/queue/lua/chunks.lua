-- chunks: the state of a job and its chunks from a position on, for readers that consume nothing.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  eight for each job: id, watcher ('' for none), rate bucket ('' for none), its limit,
--       attempt and index of the first chunk wanted (another attempt: all), largest number of bytes
--       (at least one chunk comes), version known
-- Returns for each: false when unknown, -n: rate limit, free in n ms, else {job, version, index of
--          the first chunk returned, chunks stored, chunks...}; job: as read returns it, its members
--          only when the version is not the known one.
-- Invariant: writes nothing but the watcher, so any number of readers read independently. Whoever
-- registers sees all that comes before what will be announced to it. The version changes with the
-- state, the attempt and the progress output.
local P = KEYS[1]
--#include now
--#include rate
--#include watcher
--#include read_chunks
local results = {}
for i = 1, #ARGV, 8 do
    local id, watcher = ARGV[i], ARGV[i + 1]
    local key = P .. 'job:' .. id
    local limited = rate_exceeded(P, now, ARGV[i + 2], ARGV[i + 3])
    local job = limited or
        redis.call('HMGET', key, 's', 'a', 't0', 't1', 't2', 'w', 'r', 'tk', 'wt', 'ch', 'pv')
    local state = not limited and job[1]
    if limited then
        results[#results + 1] = limited
    elseif not state then
        results[#results + 1] = false
    else
        if state == 'Q' or state == 'P' then
            add_watcher(key, job[9], watcher, '+')
        end
        local version = state .. job[2] .. '.' .. (job[11] or 0)
        local stored = job[10] and redis.call('LLEN', P .. 'chunks:' .. id) or 0
        local first = job[2] == ARGV[i + 4] and tonumber(ARGV[i + 5]) or 0
        local has_members = state ~= 'Q' and state ~= 'X' and version ~= ARGV[i + 7]
        local view = {unpack(job, 1, 8)}
        view[9] = has_members and redis.call('GET', P .. 'out:' .. id)
        local result = {view, version, first, stored}
        read_chunks(result, P .. 'chunks:' .. id, first, stored, tonumber(ARGV[i + 6]))
        results[#results + 1] = result
    end
end
return results
