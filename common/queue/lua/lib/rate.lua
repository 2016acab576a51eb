-- Counts one request against the limit of its bucket in the running 10 s window of Redis TIME, so
-- exactly over all nodes. Returns nil while within the limit, else minus the ms until the next window.
-- asked: how many requests of this call go to each bucket, when they are to be counted together; the
-- first one counts them all, and leaves in it what had been counted before each of the others.
local function rate_exceeded(P, now, bucket, limit, asked)
    if bucket == '' then
        return nil
    end
    local window = math.floor(now / 10000)
    local count = asked and asked[bucket .. ' before']
    if not count then
        local key = P .. 'rate:' .. bucket .. ':' .. string.format('%.0f', window)
        local more = asked and asked[bucket] or 1
        count = redis.call('INCRBY', key, more) - more
        if count == 0 then
            redis.call('PEXPIRE', key, 11000)
        end
    end
    count = count + 1
    if asked then
        asked[bucket .. ' before'] = count
    end
    if count > tonumber(limit) then
        return now - (window + 1) * 10000
    end
    return nil
end
