-- append: stream chunks of running jobs, in order. (IN_PROGRESS stays)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  for each job: id, attempt, worker, index of the first chunk, '1' when those before it are not to
--       be had any more, number of chunks n, n chunks
-- Returns for each job: {number of chunks stored, watchers, token}, {-1} when ignored, {-2} when the
--          store knows less of the job than its holder: adopt it first.
-- Invariant: the list index is the chunk's number. Chunks below the stored number are an earlier
-- try's and are skipped, so a repeated call after a lost connection adds nothing twice. When the
-- store has lost chunks nothing is added (the number stored says so): the holder sends them again, or
-- they are replaced by marks, so that every later one keeps its number. A holder whose lease has
-- lapsed still appends until the next attempt begins.
local P = KEYS[1]
--#include knows_less
local LOST = '{"output":null,"lost":true}'
local function mark_lost(chunks, stored, first)
    while stored < first do
        local marks = {}
        for i = 1, math.min(first - stored, 1000) do
            marks[i] = LOST
        end
        stored = redis.call('RPUSH', chunks, unpack(marks))
    end
    return stored
end
local results, i = {}, 1
while i <= #ARGV do
    local id, attempt, first, n = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 5])
    local key, chunks = P .. 'job:' .. id, P .. 'chunks:' .. id
    local job = redis.call('HMGET', key, 's', 'a', 'wt', 'tk', 'ch', 'ag', 'w')
    local is_held = job[1] == 'P' or (job[1] == 'Q' and job[6])
    if not is_held or job[2] ~= attempt or job[7] ~= ARGV[i + 2] then
        results[#results + 1] = {knows_less(job[1], job[2], attempt) and -2 or -1}
    else
        local stored = job[5] and redis.call('LLEN', chunks) or 0
        if stored < first and ARGV[i + 4] == '1' then
            stored = mark_lost(chunks, stored, first)
        end
        local known = math.max(stored - first, 0)
        if known < n and stored >= first then
            stored = redis.call('RPUSH', chunks, unpack(ARGV, i + 6 + known, i + 5 + n))
        end
        if not job[5] and stored > 0 then
            redis.call('HSET', key, 'ch', 1)
        end
        results[#results + 1] = {stored, job[3] or '', job[4]}
    end
    i = i + 6 + n
end
return results
