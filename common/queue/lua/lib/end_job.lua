-- Ends a job without its worker: state, end time, retention from now on. members: text of the job
-- object's "output" and "error" members, or nil to keep none. hook: the record's 'wh'.
-- The caller does the counters.
local function end_job(P, id, state, now, retention, members, hook)
    redis.call('HSET', P .. 'job:' .. id, 's', state, 't2', now)
    redis.call('PEXPIRE', P .. 'job:' .. id, retention)
    redis.call('PEXPIRE', P .. 'in:' .. id, retention)
    redis.call('PEXPIRE', P .. 'chunks:' .. id, retention)
    if members then
        redis.call('SET', P .. 'out:' .. id, members, 'PX', retention)
    else
        redis.call('UNLINK', P .. 'out:' .. id)
    end
    if hook then
        put_hook(P, id, now, retention, members)
    end
end
