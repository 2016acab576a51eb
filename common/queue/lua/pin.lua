-- pin: which image a release of an endpoint's document runs, the same on every machine.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: version of the document, 2: its release, 3: the image proposed ("sha256:..." or "id:...";
--       '' only asks)
-- Returns: the image of that release, '' when there is none yet; false when the document has another
--          version by now.
-- Invariant: the first proposal for a release stands until another release is pinned. Two agents that
-- start it at once resolve its tag to different images; one step decides between them. The version keeps
-- an agent with an old document from taking the pin away from the new one.
local key = KEYS[1] .. 'conf'
local conf = redis.call('HMGET', key, 'doc', 'version', 'pin')
if not conf[1] or conf[2] ~= ARGV[1] then
    return false
end
local release, image = string.match(conf[3] or '', '^(%d+) (.+)$')
if release == ARGV[2] then
    return image
end
if ARGV[3] ~= '' then
    redis.call('HSET', key, 'pin', ARGV[2] .. ' ' .. ARGV[3])
end
return ARGV[3]
