-- How long the record of a job that has not ended is kept, ms as text: a day longer than it can take
-- with its retention. The sweep ends every job long before; this is for what no sweep ever reaches.
local function backstop(ttl, timeout, retention)
    return string.format('%.0f', ttl + timeout + retention + 86400000)
end
