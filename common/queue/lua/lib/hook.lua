-- Puts the delivery of a job that has just ended into the outbox, with all that its body needs: the
-- record may be gone long before the last try. An end is named by job and attempt, so that each is
-- in the outbox once; a try that is on its way no longer counts (the fence is new). members: text
-- of "output" and "error", nil for none.
local function put_hook(P, id, now, retention, members)
    local log = P .. 'wh:' .. id
    local url = redis.call('HGET', log, 'url')
    if not url then
        return
    end
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 't0', 't1', 't2', 'w', 'r')
    local name = id .. '_' .. job[2]
    local key = P .. 'hook:' .. name
    redis.call('HSET', key, 'id', id, 'url', url, 'e', now, 'n', 0, 's', job[1], 'a', job[2],
        't0', job[3], 't1', job[4] or '', 't2', job[5], 'w', job[6] or '', 'r', job[7] or '',
        'm', members or '')
    redis.call('HINCRBY', key, 'f', 1)
    redis.call('PEXPIRE', key, 90000000)
    redis.call('HSET', log, 'st', 'Q', 'n', 0, 'nx', now)
    redis.call('PEXPIRE', log, retention)
    redis.call('ZADD', P .. 'hooks', now, name)
    redis.call('PUBLISH', 'mr:hooks', P)
end
