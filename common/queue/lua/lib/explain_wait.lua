-- Why jobs wait, and the number of the one at the head of a list ('q' or 'q:low'); false when it is
-- empty. Numbers grow along a list, and those who were put back at its head have small ones, so a
-- waiting job's number minus that is how many wait before it, those that have ended meanwhile included.
local function head_number(P, list)
    local head = redis.call('LINDEX', P .. list, 0)
    return head and redis.call('HGET', P .. 'job:' .. head, 'n')
end
local function wait_reason(P)
    local reason = redis.call('HGET', P .. 'stats', 'reason')
    return reason, reason == 'CRASH_LOOP' and redis.call('HGET', P .. 'crash', 'said')
end
