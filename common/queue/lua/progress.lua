-- progress: the output a job shows while it runs. (IN_PROGRESS stays)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  four for each: id, attempt, worker, members (text of "output")
-- Returns for each: watchers, or false when ignored.
-- Invariant: never after the end, never for an older attempt.
local P = KEYS[1]
local results = {}
for i = 1, #ARGV, 4 do
    local id = ARGV[i]
    local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'a', 'wt', 'w')
    local is_held = job[1] == 'P' and job[2] == ARGV[i + 1] and job[4] == ARGV[i + 2]
    if is_held then
        redis.call('SET', P .. 'out:' .. id, ARGV[i + 3])
        redis.call('HINCRBY', P .. 'job:' .. id, 'pv', 1)
    end
    results[#results + 1] = is_held and (job[3] or '')
end
return results
