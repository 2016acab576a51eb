-- reclaim: an agent (re)connects and says what it still holds; every other running job that the
-- store believes with it goes back. (IN_PROGRESS -> IN_QUEUE | FAILED)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, 2: automatic retries allowed, 3: '1' when the agent is a new process (its workers
--       are gone and the attempt counts), '0' when only the connection was lost (jobs that never
--       reached it go back uncounted), then the ids held
-- Returns: four for each job that went back: id, new state letter, watchers, token.
-- Runs once for each start or reconnect: its cost, all running jobs of the endpoint, is paid rarely.
local P, agent, is_new = KEYS[1], ARGV[1], ARGV[3] == '1'
--#include now
--#include ring
--#include hook
--#include end_job
--#include backstop
--#include lose_job
local held, result = {}, {}
for i = 4, #ARGV do
    held[ARGV[i]] = true
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'due', 0, -1)) do
    local key = P .. 'job:' .. id
    local job = redis.call('HMGET', key, 's', 'ag', 'wt', 'tk', 'r', 'c', 're', 'wh')
    if job[1] == 'P' and job[2] == agent and not held[id] then
        if not is_new then
            job[5] = tonumber(job[5] or 0) - 1
        end
        local state = lose_job(P, id, now, {job[5], job[6], job[7], job[8]}, tonumber(ARGV[2]),
            '"error":"worker lost: its agent was restarted' ..
            '\\n{\\"millrace\\":{\\"cause\\":\\"agent_restarted\\"}}"')
        if not is_new and state == 'Q' then
            redis.call('HINCRBY', P .. 'stats', 'retried', -1)
        end
        redis.call('HDEL', key, 'ag')
        for _, value in ipairs({id, state, job[3] or '', job[4]}) do
            result[#result + 1] = value
        end
    end
end
if is_new then
    local workers = redis.call('HGETALL', P .. 'workers')
    for i = 1, #workers, 2 do
        if string.match(workers[i + 1], '^%S+ %S+ %S+ %S+ (%S+)') == agent then
            redis.call('HDEL', P .. 'workers', workers[i])
        end
    end
end
return result
