-- health: what /health counts. Reads only.
-- KEYS  1: prefix "mr:{ep}:"
-- Returns: {field and value of the stats ...}, {worker id and "state held since version agent" ...}.
local P = KEYS[1]
return {redis.call('HGETALL', P .. 'stats'), redis.call('HGETALL', P .. 'workers')}
