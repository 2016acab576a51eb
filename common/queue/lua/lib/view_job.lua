-- A job as queue_read_result() decodes it: the record's fields down to 'tk', then members or
-- false, then of a waiting one its position, reason or false, detail or false; nil when unknown.
-- Second: its watchers. Needs explain_wait.
local function view_job(P, id, has_members)
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 't0', 't1', 't2', 'w', 'r', 'fr', 'o', 'a',
        'tk', 'wt', 'n', 'c')
    local state, watchers, number, class = job[1], job[11], job[12], job[13]
    if not state then
        return nil
    end
    job[11] = has_members and (state == 'P' or state == 'C' or state == 'F' or state == 'T') and
        redis.call('GET', P .. 'out:' .. id)
    job[12], job[13] = nil, nil
    if state == 'Q' then
        local head = head_number(P, class == 'l' and 'q:low' or 'q') or number
        job[12] = math.max(number - head, 0)
        job[13], job[14] = wait_reason(P)
    end
    return job, watchers
end
