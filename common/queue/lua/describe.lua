-- describe: an endpoint's document and, when wanted, its workers. Reads only.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: '1' with the workers
-- Returns: document (false when there is none), version, then worker id and value (see report.lua)
--          for each worker.
local P = KEYS[1]
local conf = redis.call('HMGET', P .. 'conf', 'doc', 'version')
local result = {conf[1], tonumber(conf[2] or 0)}
if conf[1] and ARGV[1] == '1' then
    for _, value in ipairs(redis.call('HGETALL', P .. 'workers')) do
        result[#result + 1] = value
    end
end
return result
