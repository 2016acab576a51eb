-- Wakes one blocked taker. Tokens are hints: more than a few are worth nothing.
local function ring(P)
    if redis.call('RPUSH', P .. 'bell', '1') > 16 then
        redis.call('LTRIM', P .. 'bell', -1, -1)
    end
end
