-- hook_defer: a node gives a claimed delivery back untried.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: name, 2: fence of the claim, 3: ms until it is due again
-- Returns: 1, or 0 when it was claimed by somebody else since, or withdrawn.
local P, name = KEYS[1], ARGV[1]
--#include now
if redis.call('HGET', P .. 'hook:' .. name, 'f') ~= ARGV[2] then
    return 0
end
redis.call('ZADD', P .. 'hooks', now + ARGV[3], name)
return 1
