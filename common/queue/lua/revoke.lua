-- revoke: an API key is no longer one; all nodes are told.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: public id
-- Returns: 1, or 0 when there is no such key.
local P, id = KEYS[1], ARGV[1]
local digest = redis.call('HGET', P .. 'keyids', id)
if not digest then
    return 0
end
redis.call('HDEL', P .. 'keyids', id)
redis.call('HDEL', P .. 'keys', digest)
redis.call('PUBLISH', 'mr:keys', id)
return 1
