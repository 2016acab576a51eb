-- Counts one request against the limit of its bucket in the running 10 s window of Redis TIME, so
-- exactly over all nodes. Returns nil while within the limit, else minus the ms until the next window.
local function rate_exceeded(P, now, bucket, limit)
    if bucket == '' then
        return nil
    end
    local window = math.floor(now / 10000)
    local key = P .. 'rate:' .. bucket .. ':' .. string.format('%.0f', window)
    local count = redis.call('INCR', key)
    if count == 1 then
        redis.call('PEXPIRE', key, 11000)
    end
    if count > tonumber(limit) then
        return now - (window + 1) * 10000
    end
    return nil
end
