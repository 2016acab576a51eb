-- log: lines that handler processes wrote.
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  1: most bytes kept, 2: most lines kept, then three for each line: worker, job ('' when it
--       belongs to none), text
-- Returns: number of lines kept.
-- Invariant: the stream holds the latest lines, within both limits; it goes a day after the last one.
-- Sent again after a lost connection lines may be there twice, never missing.
local P, key = KEYS[1], KEYS[1] .. 'log'
local bytes = redis.call('EXISTS', key) == 1 and tonumber(redis.call('HGET', P .. 'stats', 'logBytes'))
    or 0
for i = 3, #ARGV, 3 do
    redis.call('XADD', key, '*', 'w', ARGV[i], 'j', ARGV[i + 1], 'l', ARGV[i + 2])
    bytes = bytes + #ARGV[i] + #ARGV[i + 1] + #ARGV[i + 2]
end
local count = redis.call('XLEN', key)
while count > 0 and (bytes > tonumber(ARGV[1]) or count > tonumber(ARGV[2])) do
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+', 'COUNT', 64)) do
        local fields = entry[2]
        redis.call('XDEL', key, entry[1])
        bytes = bytes - #fields[2] - #fields[4] - #fields[6]
        count = count - 1
    end
end
redis.call('HSET', P .. 'stats', 'logBytes', bytes)
redis.call('PEXPIRE', key, 86400000)
return count
