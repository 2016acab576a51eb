-- attend: an API node says that it lives.
-- KEYS  1: prefix "mr:{sys}:"
-- ARGV  1: node id, 2: ms after which a silent node no longer counts
-- Returns: number of living nodes, the caller included.
local P = KEYS[1]
--#include now
redis.call('ZADD', P .. 'nodes', now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', P .. 'nodes', '-inf', now - ARGV[2])
return redis.call('ZCARD', P .. 'nodes')
