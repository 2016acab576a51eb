-- pin: which image a version of an endpoint's document runs, the same on every machine.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: version of the document, 2: the image proposed ("sha256:..." or "id:..."; '' only asks)
-- Returns: the image of that version, '' when there is none yet; false when the document has another
--          version by now.
-- Invariant: the first proposal for a version stands until the version changes. Two agents that start it
-- at once resolve its tag to different images; one step decides between them.
local key = KEYS[1] .. 'conf'
local conf = redis.call('HMGET', key, 'doc', 'version', 'pin')
if not conf[1] or conf[2] ~= ARGV[1] then
    return false
end
local version, image = string.match(conf[3] or '', '^(%d+) (.+)$')
if version == ARGV[1] then
    return image
end
if ARGV[2] ~= '' then
    redis.call('HSET', key, 'pin', ARGV[1] .. ' ' .. ARGV[2])
end
return ARGV[2]
