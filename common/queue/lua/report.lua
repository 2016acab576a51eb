-- report: an agent tells what its handler processes of one endpoint do.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, then five for each worker: worker id, state ('' when it is gone), jobs held,
--       ms since the state began, version of the endpoint document it was started with
-- Field value: "state held since version agent", since in ms of Redis TIME.
local P, agent = KEYS[1], ARGV[1]
--#include now
for i = 2, #ARGV, 5 do
    if ARGV[i + 1] == '' then
        redis.call('HDEL', P .. 'workers', ARGV[i])
    else
        redis.call('HSET', P .. 'workers', ARGV[i], table.concat({ARGV[i + 1], ARGV[i + 2],
            string.format('%.0f', now - ARGV[i + 3]), ARGV[i + 4], agent}, ' '))
    end
end
return 1
