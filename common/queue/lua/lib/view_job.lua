-- Why a job waits and how many wait before it in its class, those that have ended meanwhile included:
-- numbers grow along a list, and those who were put back at its head have small ones.
local function explain_wait(P, number, class)
    local head = redis.call('LINDEX', P .. (class == 'l' and 'q:low' or 'q'), 0)
    local first = head and redis.call('HGET', P .. 'job:' .. head, 'n') or number
    local reason = redis.call('HGET', P .. 'stats', 'reason')
    local detail = reason == 'CRASH_LOOP' and redis.call('HGET', P .. 'crash', 'said')
    return math.max(number - first, 0), reason, detail
end
-- A job as queue_read_result() decodes it: state letter, attempt, submitted ms, started ms, ended ms,
-- worker, retries, token, members or false, freed ms or false, '1' for an orphan or false, then of a
-- waiting one its position, reason or false, detail or false; nil when unknown. Second: its watchers.
local function view_job(P, id, has_members)
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 't0', 't1', 't2', 'w', 'r', 'tk',
        'wt', 'fr', 'o', 'n', 'c')
    local state, watchers, number, class = job[1], job[9], job[12], job[13]
    if not state then
        return nil
    end
    job[9] = has_members and (state == 'P' or state == 'C' or state == 'F' or state == 'T') and
        redis.call('GET', P .. 'out:' .. id)
    job[12], job[13] = nil, nil
    if state == 'Q' then
        job[12], job[13], job[14] = explain_wait(P, number, class)
    end
    return job, watchers
end
