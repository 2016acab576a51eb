-- health: what /health counts. Reads only.
-- KEYS  1: prefix "mr:{ep}:"
-- Returns: {field and value of the stats ...}, {worker id and "state held since version agent" ...}, and in
--          a crash loop the last words of what could not start, else ''.
local P = KEYS[1]
local is_broken = redis.call('HGET', P .. 'stats', 'reason') == 'CRASH_LOOP'
local said = is_broken and redis.call('HGET', P .. 'crash', 'said') or ''
return {redis.call('HGETALL', P .. 'stats'), redis.call('HGETALL', P .. 'workers'), said}
