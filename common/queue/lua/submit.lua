-- submit: stores new jobs and queues them. (-> IN_QUEUE)
-- KEYS  1: prefix "mr:{ep}:"
-- ARGV  eight for each job: id, members (text of "input" and further members for the worker), token,
--       execution timeout ms, TTL ms in the queue, retention ms after the end,
--       largest number waiting at which one more is accepted, and a letter for each argument that
--       follows: l low priority (any text), w watcher, r rate bucket, m its limit,
--       i idempotency key, b digest of the body, h URL to be told of the end
-- Returns for each job: 1 stored, 0 refused because too many wait, 2 stored by an earlier try,
--          3 the idempotency key was used with another body, 4 the endpoint was deleted,
--          -n rate limit, free in n ms,
--          or the id of the job that the same key and body brought before; an error when a key of
--          that job alone is of another type.
-- Invariant: a job is in its list, in the gauge and in a record together or not at all. Sent again
-- after a lost connection it changes nothing: the input key is the witness. It writes what is there,
-- for a WAIT behind it waits for writes of its own connection only.
-- The hottest script: as few calls as possible, and numbers as text (Redis prints them slowly).
-- `ttl` and `due` bring about the end of a job in any case; its record expires long after that.
local P = KEYS[1]
--#include now
--#include ring
--#include rate
--#include backstop
local NONE = {}
local stats = redis.call('HMGET', P .. 'stats', 'inQueue', 'seq', 'hungry', 'ready', 'gone',
    'low')
local waiting, seq = tonumber(stats[1] or 0), tonumber(stats[2] or 0)
local at = string.format('%.0f', now)
local results, normal, low, stored, expiries = {}, {}, {}, {}, {}
-- Where each job's arguments begin, what follows them, and how often each rate bucket is asked for.
local starts, options, inputs, asked = {}, {}, {}, {}
local count, i, is_again = 0, 1, false
while i <= #ARGV do
    local option = NONE
    count = count + 1
    starts[count] = i
    inputs[2 * count - 1], inputs[2 * count] = P .. 'in:' .. ARGV[i], ARGV[i + 1]
    local letters = ARGV[i + 7]
    i = i + 8
    if letters ~= '' then
        option = {}
        for letter in string.gmatch(letters, '.') do
            option[letter] = ARGV[i]
            i = i + 1
        end
        if option.r and not option.i then
            asked[option.r] = (asked[option.r] or 0) + 1
        end
    end
    options[count] = option
end
-- All at once when, as nearly always, all are new; those that are refused give their key back.
local are_new = not stats[5] and redis.call('MSETNX', unpack(inputs)) == 1
local function set_input(k)
    local key = inputs[2 * k - 1]
    return (are_new and not inputs[key]) or
        (not are_new and redis.call('SET', key, inputs[2 * k], 'NX'))
end
local ttl, timeout, retention, expiry, life
-- Returns the error when a key of this job alone is in the way: then nothing of it is there.
local function store(k, option)
    local start = starts[k]
    local id, extra = ARGV[start], NONE
    if ARGV[start + 3] ~= timeout or ARGV[start + 4] ~= ttl or ARGV[start + 5] ~= retention then
        timeout, ttl, retention = ARGV[start + 3], ARGV[start + 4], ARGV[start + 5]
        expiry = string.format('%.0f', now + ttl)
        life = backstop(ttl, timeout, retention)
    end
    if option.l or option.w or option.h then
        extra = {'wt', option.w or ''}
        if option.l then
            extra[3], extra[4] = 'c', 'l'
        end
        if option.h then
            extra[#extra + 1], extra[#extra + 2] = 'wh', '1'
            local hook = redis.pcall('HSET', P .. 'wh:' .. id, 'url', option.h)
            if type(hook) == 'table' then
                return hook
            end
        end
    end
    local key = P .. 'job:' .. id
    local record = redis.pcall('HSET', key, 's', 'Q', 'a', '0', 'n', string.format('%.0f', seq),
        't0', at, 'to', timeout, 'tl', expiry, 're', retention, 'tk', ARGV[start + 2], unpack(extra))
    if type(record) == 'table' then
        return record
    end
    redis.call('PEXPIRE', key, life)
    stored[#stored + 1] = id
    expiries[2 * #stored - 1], expiries[2 * #stored] = expiry, id
    local list = option.l and low or normal
    list[#list + 1] = id
end
for k = 1, count do
    local option = options[k]
    local idem = option.i and P .. 'idem:' .. option.i
    local first = idem and redis.pcall('GET', idem)
    local limited = not first and option.r and
        rate_exceeded(P, now, option.r, option.m, not idem and asked or nil)
    local result
    if stats[5] then
        result = 4
    elseif type(first) == 'table' then
        result = first
    elseif first then
        local is_same = string.sub(first, 1, #option.b) == option.b
        result = is_same and string.sub(first, #option.b + 1) or 3
        is_again = is_again or is_same
    elseif limited then
        result = limited
    elseif waiting > tonumber(ARGV[starts[k] + 6]) then
        result = 0
    elseif not set_input(k) then
        result, is_again = 2, true
    else
        inputs[inputs[2 * k - 1]] = true
        seq = seq + 1
        waiting = waiting + 1
        result = store(k, option) or 1
        if result ~= 1 then
            seq, waiting = seq - 1, waiting - 1
        elseif idem then
            redis.call('SET', idem, option.b .. ARGV[starts[k]], 'PX', 86400000)
        end
    end
    if result ~= 1 and result ~= 2 and (are_new or type(result) == 'table') then
        redis.call('UNLINK', inputs[2 * k - 1])
    end
    results[k] = result
end
if #normal > 0 then
    redis.call('RPUSH', P .. 'q', unpack(normal))
end
if #low > 0 then
    redis.call('RPUSH', P .. 'q:low', unpack(low))
end
if #stored > 0 then
    if redis.call('LPUSH', P .. 'recent', unpack(stored)) > 300 then
        redis.call('LTRIM', P .. 'recent', 0, 99)
    end
    redis.call('ZADD', P .. 'ttl', unpack(expiries))
    redis.call('HSET', P .. 'stats', 'inQueue', string.format('%.0f', waiting),
        'seq', string.format('%.0f', seq))
    if #low > 0 or stats[3] == '1' then
        redis.call('HSET', P .. 'stats', 'hungry', '0', 'low', tonumber(stats[6] or 0) + #low)
    end
    if stats[3] == '1' then
        ring(P)
    end
    if tonumber(stats[4] or 0) == 0 then
        redis.call('PUBLISH', 'mr:wake', P)
    end
elseif is_again then
    redis.call('HSET', P .. 'stats', 'seq', string.format('%.0f', seq))
end
return results
