-- take: hands waiting jobs to the free handlers of one agent. (IN_QUEUE -> IN_PROGRESS)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, 2: lease ms, 3...: a worker id for each job wanted, in the order to fill
-- Returns: number still waiting, then seven for each job: id, worker, attempt, token,
--          execution timeout ms, members, watchers.
-- Invariant: a job leaves its list and gets its attempt and lease in the same step; ids whose record
-- is no longer IN_QUEUE (cancelled, expired, finished by a former holder) are dropped on the way.
-- What an earlier attempt streamed ends here. The record of one that should have ended by its queue TTL
-- is kept longer: its execution begins now.
local P = KEYS[1]
--#include now
--#include ring
--#include backstop
local wanted, taken, due, ids_taken = #ARGV - 2, {0}, {}, {}
local lease = tonumber(ARGV[2])
local count = 0
for _, list in ipairs({P .. 'q', P .. 'q:low'}) do
    while count < wanted do
        local ids = redis.call('LPOP', list, wanted - count)
        if not ids or #ids == 0 then
            break
        end
        for _, id in ipairs(ids) do
            local key = P .. 'job:' .. id
            local job = redis.call('HMGET', key, 's', 'a', 'tk', 'to', 'wt', 'ch', 'tl', 're')
            local members = job[1] == 'Q' and redis.call('GET', P .. 'in:' .. id)
            if members then
                local attempt, worker = job[2] + 1, ARGV[3 + count]
                count = count + 1
                redis.call('HSET', key, 's', 'P', 'a', attempt, 'w', worker, 'ag', ARGV[1],
                    't1', now)
                if now > tonumber(job[7]) then
                    redis.call('PEXPIRE', key, backstop(0, job[4], job[8]))
                end
                if job[6] then
                    redis.call('HDEL', key, 'ch', 'rn', 'cu')
                    redis.call('UNLINK', P .. 'chunks:' .. id)
                end
                due[#due + 1] = now + math.min(lease, tonumber(job[4]))
                due[#due + 1] = id
                ids_taken[count] = id
                for _, value in ipairs({id, worker, attempt, job[3], job[4], members,
                    job[5] or ''}) do
                    taken[#taken + 1] = value
                end
            end
        end
    end
end
local waiting
if count > 0 then
    redis.call('ZADD', P .. 'due', unpack(due))
    redis.call('ZREM', P .. 'ttl', unpack(ids_taken))
    waiting = redis.call('HINCRBY', P .. 'stats', 'inQueue', -count)
    redis.call('HINCRBY', P .. 'stats', 'inProgress', count)
else
    waiting = 0
    redis.call('DEL', P .. 'bell')
end
if waiting > 0 then
    ring(P)
else
    redis.call('HSET', P .. 'stats', 'hungry', 1)
end
taken[1] = waiting
return taken
