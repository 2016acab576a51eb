-- hook_read: the delivery log of a job. Reads only.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: job id
-- Returns: false when the job is unknown, {state letter} when it has no webhook, else {state letter,
--          'Q' 'D' 'G' or false (the job goes on), tries, HTTP status, what went wrong, time of the
--          last try, time of the next one (ms)}.
local P, id = KEYS[1], ARGV[1]
local job = redis.call('HMGET', P .. 'job:' .. id, 's', 'wh')
if not job[1] then
    return false
end
if not job[2] then
    return {job[1]}
end
local log = redis.call('HMGET', P .. 'wh:' .. id, 'st', 'n', 'c', 'er', 'at', 'nx')
return {job[1], unpack(log, 1, 6)}
