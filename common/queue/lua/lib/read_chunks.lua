-- Appends chunks from `first` on to the result, at least one, then as many as the budget of bytes
-- allows. Returns the index of the first one left out. Reads few at first: chunks may be large.
local function read_chunks(result, chunks, first, stored, budget)
    local step, start = 4, first
    while first < stored and budget > 0 do
        for _, chunk in ipairs(redis.call('LRANGE', chunks, first, first + step - 1)) do
            budget = budget - #chunk
            if budget < 0 and first > start then
                return first
            end
            result[#result + 1] = chunk
            first = first + 1
        end
        step = math.min(step * 2, 128)
    end
    return first
end
