-- read: the public state of jobs; a waiting reader registers as a watcher in the same step.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  four for each job: id, watcher ('' for none), rate bucket ('' for none), its limit
-- Returns for each: false when unknown, else {state letter, attempt, submitted ms, started ms,
--          ended ms, worker, retries, token, members or false, freed ms or false};
--          -n: rate limit, free in n ms.
-- Invariant: whoever registers sees the state before every change that will be announced to it.
local P = KEYS[1]
--#include now
--#include rate
--#include watcher
local results = {}
for i = 1, #ARGV, 4 do
    local id, watcher = ARGV[i], ARGV[i + 1]
    local key = P .. 'job:' .. id
    local limited = rate_exceeded(P, now, ARGV[i + 2], ARGV[i + 3])
    local job = limited or
        redis.call('HMGET', key, 's', 'a', 't0', 't1', 't2', 'w', 'r', 'tk', 'wt', 'fr')
    local state = not limited and job[1]
    if limited then
        results[#results + 1] = limited
    elseif not state then
        results[#results + 1] = false
    else
        local watchers = job[9]
        job[9] = (state == 'P' or state == 'C' or state == 'F' or state == 'T') and
            redis.call('GET', P .. 'out:' .. id)
        if state == 'Q' or state == 'P' then
            add_watcher(key, watchers, watcher, '')
        end
        results[#results + 1] = job
    end
end
return results
