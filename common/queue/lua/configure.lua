-- configure: creates, changes or deletes an endpoint's document.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: document (JSON; '' deletes), 2: '1' when an existing one may be replaced
-- Returns: the new version (0 after a delete), -1 when it exists and may not be replaced,
--          -2 when there is nothing to delete.
-- Invariant: a version never stands for two documents; its counter outlives a delete, so that an
-- agent sees that an endpoint was made anew.
-- The set of endpoints lives in another slot: the caller adds the id there afterwards.
local P = KEYS[1]
local conf = redis.call('HMGET', P .. 'conf', 'doc', 'version')
local document, version = conf[1], tonumber(conf[2] or 0)
if ARGV[1] == '' then
    if not document then
        return -2
    end
    redis.call('HDEL', P .. 'conf', 'doc')
    version = 0
else
    if document and ARGV[2] ~= '1' then
        return -1
    end
    if document ~= ARGV[1] then
        version = redis.call('HINCRBY', P .. 'conf', 'version', 1)
        redis.call('HSET', P .. 'conf', 'doc', ARGV[1])
    end
end
redis.call('PUBLISH', 'mr:conf', P)
return version
