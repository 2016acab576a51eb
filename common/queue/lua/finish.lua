-- finish: a worker's result ends its job. (IN_PROGRESS -> COMPLETED | FAILED)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  five for each result: id, attempt, worker, 'C' or 'F', members (text of "output" and "error")
-- Returns for each: {0} when ignored (other state, older attempt, another worker), {-1} when the store
--          knows less of the job than its holder: adopt it first; else
--          {1, watchers, token, delay ms, execution ms, retries, worker, 1 for an orphan or 0}; an error when
--          the record is not one, for that result alone.
-- Invariant: a terminal state is written once. The former holder of a job that has been queued again
-- but not begun again still holds the last attempt: its result counts (the work is done). Sent again
-- after a lost connection the second try finds the job ended by the same attempt and answers alike. It
-- writes what is there, for a WAIT behind it waits for writes of its own connection only.
-- The input of a completed job is given back but its key stays: it is submit's witness.
local P = KEYS[1]
--#include now
--#include hook
--#include knows_less
local names = {'inQueue', 'inProgress', 'completed', 'failed', 'ran', 'runMs'}
local results, stats = {}, {inQueue = 0, inProgress = 0, completed = 0, failed = 0, ran = 0, runMs = 0}
for i = 1, #ARGV, 5 do
    local id, attempt, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 3]
    local key = P .. 'job:' .. id
    local job = redis.pcall('HMGET', key, 's', 'a', 't0', 't1', 're', 'wt', 'ch', 'r', 'w', 'tk', 't2',
        'wh', 'o')
    local is_mine = job[2] == attempt and job[9] == ARGV[i + 2]
    local is_held = is_mine and (job[1] == 'P' or (job[1] == 'Q' and job[2] ~= '0'))
    local is_again = is_mine and job[1] == outcome
    if job.err then
        results[#results + 1] = job
    elseif not is_held and not is_again then
        results[#results + 1] = {knows_less(job[1], job[2], attempt) and -1 or 0}
    else
        if is_held then
            redis.call('HSET', key, 's', outcome, 't2', now)
            redis.call('PEXPIRE', key, job[5])
            redis.call('SET', P .. 'out:' .. id, ARGV[i + 4], 'PX', job[5])
            if outcome == 'C' then
                redis.call('SET', P .. 'in:' .. id, '', 'PX', job[5])
            else
                redis.call('PEXPIRE', P .. 'in:' .. id, job[5])
            end
            if job[7] then
                redis.call('PEXPIRE', P .. 'chunks:' .. id, job[5])
            end
            if job[12] then
                put_hook(P, id, now, job[5], ARGV[i + 4])
            end
            redis.call('ZREM', P .. (job[1] == 'P' and 'due' or 'ttl'), id)
            local gauge = job[1] == 'P' and 'inProgress' or 'inQueue'
            local counter = outcome == 'C' and 'completed' or 'failed'
            stats[gauge] = stats[gauge] - 1
            stats[counter] = stats[counter] + 1
            stats.ran = stats.ran + 1
            stats.runMs = stats.runMs + math.max(now - job[4], 0)
        else
            redis.call('HSET', key, 's', outcome)
        end
        results[#results + 1] = {1, job[6] or '', job[10], job[4] - job[3],
            (job[11] or now) - job[4], tonumber(job[8] or 0), job[9], job[13] and 1 or 0}
    end
end
if stats.ran > 0 then
    local values, changed = redis.call('HMGET', P .. 'stats', unpack(names)), {}
    for i, name in ipairs(names) do
        changed[2 * i - 1], changed[2 * i] = name, tonumber(values[i] or 0) + stats[name]
    end
    redis.call('HSET', P .. 'stats', unpack(changed))
end
return results
