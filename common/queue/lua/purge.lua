-- purge: cancels what waits, one page at a time. (IN_QUEUE -> CANCELLED)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: most ids to look at, 2: last queue number to remove ('' in the first page),
--       3: rate bucket ('' for none), 4: its limit
-- Returns: removed, is there more (0/1), last queue number, then three for each job that somebody
--          watches: id, watchers, token; -n: rate limit, free in n ms.
-- Invariant: jobs submitted after the first page stay; running jobs are never touched.
local P, left = KEYS[1], tonumber(ARGV[1])
--#include now
--#include hook
--#include end_job
--#include rate
local limited = rate_exceeded(P, now, ARGV[3], ARGV[4])
if limited then
    return limited
end
local last = tonumber(ARGV[2] ~= '' and ARGV[2] or redis.call('HGET', P .. 'stats', 'seq') or 0)
local result, removed, more = {0, 0, last}, 0, 0
for _, list in ipairs({P .. 'q', P .. 'q:low'}) do
    while true do
        local id = redis.call('LINDEX', list, 0)
        local job = id and redis.call('HMGET', P .. 'job:' .. id, 's', 'n', 're', 'wt', 'tk', 'wh')
        if not id or (job[1] == 'Q' and tonumber(job[2]) > last) then
            break
        end
        if left == 0 then
            more = 1
            break
        end
        left = left - 1
        redis.call('LPOP', list)
        if job[1] == 'Q' then
            removed = removed + 1
            end_job(P, id, 'X', now, job[3], nil, job[6])
            redis.call('ZREM', P .. 'ttl', id)
            if job[4] and job[4] ~= '' then
                result[#result + 1] = id
                result[#result + 1] = job[4]
                result[#result + 1] = job[5]
            end
        end
    end
end
if removed > 0 then
    redis.call('HINCRBY', P .. 'stats', 'inQueue', -removed)
end
result[1], result[2] = removed, more
return result
