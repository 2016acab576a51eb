-- adopt: jobs of an agent that the store knows less of than it: writes were lost in a fail-over, or
--        older data were put back. (IN_QUEUE, older IN_PROGRESS, no record -> IN_PROGRESS)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, 2: lease ms, then seven for each job: id, attempt, worker, token, ms since it was
--       taken, execution timeout ms, retention ms
-- Returns for each job: 1 it is the agent's, 0 it is not: stop it.
-- Invariant: attempts only grow, and of two holders the one that was given the job later keeps it. A
-- job without a record gets one, marked 'o' (orphan): it has no input, so it cannot run again, and
-- no webhook. What an earlier attempt streamed ends here.
local P, agent, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
--#include now
--#include knows_less
--#include backstop
local function begin(id, attempt, worker, started, timeout)
    redis.call('HSET', P .. 'job:' .. id, 's', 'P', 'a', attempt, 'w', worker, 'ag', agent, 't1', started)
    redis.call('ZADD', P .. 'due', math.min(now + lease, started + timeout), id)
end
local function make_orphan(id, token, started, timeout, retention)
    local key = P .. 'job:' .. id
    redis.call('HSET', key, 'n', redis.call('HGET', P .. 'stats', 'seq') or 0, 't0', started,
        'to', timeout, 'tl', started, 're', retention, 'tk', token, 'o', 1)
    redis.call('PEXPIRE', key, backstop(0, timeout, retention))
    redis.call('HINCRBY', P .. 'stats', 'inProgress', 1)
end
local function take_over(id, job)
    local key = P .. 'job:' .. id
    redis.call('HDEL', key, 'ch', 'rn', 'cu')
    redis.call('UNLINK', P .. 'chunks:' .. id, P .. 'out:' .. id)
    if job[1] == 'Q' then
        redis.call('ZREM', P .. 'ttl', id)
        redis.call('HINCRBY', P .. 'stats', 'inQueue', -1)
        redis.call('HINCRBY', P .. 'stats', 'inProgress', 1)
    elseif job[5] then
        redis.call('PUBLISH', 'mr:agent:' .. job[5], 'stop ' .. id .. ' ' .. job[2])
    end
end
local is_gone = redis.call('HEXISTS', P .. 'stats', 'gone') == 1
local results = {}
for i = 3, #ARGV, 7 do
    local id, attempt, worker, timeout = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 5])
    local started = now - ARGV[i + 4]
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 't1', 'to', 'ag', 'w')
    timeout = tonumber(job[4] or timeout)
    local is_mine = job[1] == 'P' and job[2] == attempt and job[6] == worker
    local may = not is_mine and not is_gone and now < started + timeout and
        knows_less(job[1], job[2], attempt) and
        not (job[1] == 'P' and tonumber(job[3] or 0) > started)
    if may and job[1] then
        take_over(id, job)
    elseif may then
        make_orphan(id, ARGV[i + 3], started, timeout, tonumber(ARGV[i + 6]))
    end
    if may then
        begin(id, attempt, worker, started, timeout)
    end
    results[#results + 1] = (may or is_mine) and 1 or 0
end
return results
