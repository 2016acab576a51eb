-- configure: creates, changes or deletes an endpoint's document.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: document (JSON; '' deletes), 2: '1' when an existing one may be replaced
-- Returns: the new version (0 after a delete), -1 when it exists and may not be replaced,
--          -2 when there is nothing to delete.
-- The set of endpoints lives in another slot: the caller adds the id there afterwards.
local P = KEYS[1]
local version = tonumber(redis.call('HGET', P .. 'conf', 'version') or 0)
if ARGV[1] == '' then
    if version == 0 then
        return -2
    end
    redis.call('DEL', P .. 'conf')
    version = 0
else
    if version > 0 and ARGV[2] ~= '1' then
        return -1
    end
    if redis.call('HGET', P .. 'conf', 'doc') ~= ARGV[1] then
        version = redis.call('HINCRBY', P .. 'conf', 'version', 1)
        redis.call('HSET', P .. 'conf', 'doc', ARGV[1])
    end
end
redis.call('PUBLISH', 'mr:conf', P)
return version
