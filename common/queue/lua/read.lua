-- read: the public state of jobs; a waiting reader registers as a watcher in the same step.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  four for each job: id, watcher ('' for none), rate bucket ('' for none), its limit
-- Returns for each: false when unknown, else what view_job says; -n: rate limit, free in n ms.
-- Invariant: whoever registers sees the state before every change that will be announced to it.
local P = KEYS[1]
--#include now
--#include rate
--#include watcher
--#include explain_wait
--#include view_job
local results = {}
for i = 1, #ARGV, 4 do
    local id = ARGV[i]
    local limited = rate_exceeded(P, now, ARGV[i + 2], ARGV[i + 3])
    local job, watchers
    if not limited then
        job, watchers = view_job(P, id, true)
    end
    if job and (job[1] == 'Q' or job[1] == 'P') then
        add_watcher(P .. 'job:' .. id, watchers, ARGV[i + 1], '')
    end
    results[#results + 1] = limited or job or false
end
return results
