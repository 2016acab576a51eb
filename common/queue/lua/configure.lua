-- configure: creates, changes or deletes an endpoint's document.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: document (JSON; '' deletes), 2: '1' when an existing one may be replaced,
--       3: the version it must have ('' for any)
-- Returns: the new version (0 after a delete), -1 when it exists and may not be replaced,
--          -2 when there is none to delete or to replace, -3 when it has another version.
-- Invariant: a version never stands for two documents; its counter outlives a delete, so that an
-- agent sees that an endpoint was made anew. While `gone` is set submit and retry accept nothing.
-- What a deleted endpoint's tag meant is forgotten: one made anew asks the registry again.
-- A deleted document stays as `left`, as long as a delivery in the outbox: webhooks are signed with it.
-- The set of endpoints lives in another slot: the caller adds the id there afterwards.
local P = KEYS[1]
local conf = redis.call('HMGET', P .. 'conf', 'doc', 'version')
local document, version = conf[1], tonumber(conf[2] or 0)
local expected = ARGV[3] or ''
if not document and (ARGV[1] == '' or expected ~= '') then
    return -2
elseif document and expected ~= '' and expected ~= tostring(version) then
    return -3
elseif ARGV[1] == '' then
    redis.call('SET', P .. 'left', document, 'PX', 90000000)
    redis.call('HDEL', P .. 'conf', 'doc', 'pin')
    redis.call('HSET', P .. 'stats', 'gone', 1)
    version = 0
elseif document and ARGV[2] ~= '1' then
    return -1
elseif document ~= ARGV[1] then
    version = redis.call('HINCRBY', P .. 'conf', 'version', 1)
    redis.call('HSET', P .. 'conf', 'doc', ARGV[1])
    redis.call('HDEL', P .. 'stats', 'gone')
    redis.call('UNLINK', P .. 'left')
end
redis.call('PUBLISH', 'mr:conf', P)
return version
