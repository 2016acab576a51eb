-- A job as queue_read_result() decodes it: state letter, attempt, submitted ms, started ms, ended ms,
-- worker, retries, token, members or false, freed ms or false; nil when unknown. Second: its watchers.
local function view_job(P, id, has_members)
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 't0', 't1', 't2', 'w', 'r', 'tk',
        'wt', 'fr')
    local state, watchers = job[1], job[9]
    if not state then
        return nil
    end
    job[9] = has_members and (state == 'P' or state == 'C' or state == 'F' or state == 'T') and
        redis.call('GET', P .. 'out:' .. id)
    return job, watchers
end
