-- lost: the agent saw the worker of running jobs die. (IN_PROGRESS -> IN_QUEUE | FAILED)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: automatic retries allowed, then four for each job: id, attempt, worker,
--       members (text of "error" for the case that no try is left)
-- Returns for each: {0} when ignored, else {1, new state letter, watchers, token}.
-- Invariant: only the attempt that is lost, by the worker that had it, can be lost; gauges and list
-- change with the record.
local P = KEYS[1]
--#include now
--#include ring
--#include hook
--#include end_job
--#include backstop
--#include lose_job
local results = {}
for i = 2, #ARGV, 4 do
    local id = ARGV[i]
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 'wt', 'tk', 'r', 'c', 're', 'wh',
        'w')
    if job[1] ~= 'P' or job[2] ~= ARGV[i + 1] or job[9] ~= ARGV[i + 2] then
        results[#results + 1] = {0}
    else
        local state = lose_job(P, id, now, {job[5], job[6], job[7], job[8]}, tonumber(ARGV[1]),
            ARGV[i + 3])
        redis.call('HDEL', P .. 'job:' .. id, 'ag')
        results[#results + 1] = {1, state, job[3] or '', job[4]}
    end
end
return results
