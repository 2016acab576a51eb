-- Whether the store has lost what it said about a job: whoever was given this attempt of it was told
-- more than the record (state, attempt; nil without one) knows.
local function knows_less(state, attempt, told)
    return not state or ((state == 'Q' or state == 'P') and tonumber(told) > (tonumber(attempt) or 0))
end
