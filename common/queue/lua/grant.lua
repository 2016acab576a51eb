-- grant: stores an API key.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: public id, 2: SHA-256 of the key (hex), 3: record (JSON)
-- Returns: 1, or 0 when the id belongs to another key.
-- Invariant: each record of `keys` has one entry in `keyids` and the other way round, so that a key
-- can be found by the request that carries it and by the admin who sees its id only.
local P, id, digest = KEYS[1], ARGV[1], ARGV[2]
redis.call('HSETNX', P .. 'keyids', id, digest)
if redis.call('HGET', P .. 'keyids', id) ~= digest then
    return 0
end
redis.call('HSET', P .. 'keys', digest, ARGV[3])
return 1
