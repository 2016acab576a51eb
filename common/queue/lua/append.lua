-- append: stream chunks of running jobs, in order. (IN_PROGRESS stays)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  for each job: id, attempt, index of the first chunk, number of chunks n, n chunks
-- Returns for each job: {number of chunks stored, watchers, token}, or {-1} when ignored.
-- Invariant: the list index is the chunk's number. Chunks below the stored number are an earlier
-- try's and are skipped, so a repeated call after a lost connection adds nothing twice. A holder
-- whose lease has lapsed still appends until the next attempt begins.
local P = KEYS[1]
local results, i = {}, 1
while i <= #ARGV do
    local id, first, n = ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    local key, chunks = P .. 'job:' .. id, P .. 'chunks:' .. id
    local job = redis.call('HMGET', key, 's', 'a', 'wt', 'tk', 'ch', 'ag')
    local is_held = job[1] == 'P' or (job[1] == 'Q' and job[6])
    if not is_held or job[2] ~= ARGV[i + 1] then
        results[#results + 1] = {-1}
    else
        local stored = job[5] and redis.call('LLEN', chunks) or 0
        local known = math.max(stored - first, 0)
        if known < n then
            stored = redis.call('RPUSH', chunks, unpack(ARGV, i + 4 + known, i + 3 + n))
        end
        if not job[5] then
            redis.call('HSET', key, 'ch', 1)
        end
        results[#results + 1] = {stored, job[3] or '', job[4]}
    end
    i = i + 4 + n
end
return results
