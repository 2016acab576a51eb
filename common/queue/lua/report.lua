-- report: an agent tells what its handler processes of one endpoint do.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: agent, then eight for each worker: worker id, state ('' when it is gone), jobs held,
--       ms since the state began, version of the newest endpoint document whose release it runs,
--       jobs it takes at once (0: not known), its cold start ms, ms since its first poll (-1: none yet)
-- Field value: "state held since version agent slots start ready", since and ready in ms of Redis TIME
-- (ready 0: not yet).
local P, agent = KEYS[1], ARGV[1]
--#include now
local function at(age)
    return string.format('%.0f', now - age)
end
for i = 2, #ARGV, 8 do
    if ARGV[i + 1] == '' then
        redis.call('HDEL', P .. 'workers', ARGV[i])
    else
        redis.call('HSET', P .. 'workers', ARGV[i], table.concat({ARGV[i + 1], ARGV[i + 2],
            at(ARGV[i + 3]), ARGV[i + 4], agent, ARGV[i + 5], ARGV[i + 6],
            ARGV[i + 7] == '-1' and '0' or at(ARGV[i + 7])}, ' '))
    end
end
return 1
