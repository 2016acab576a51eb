-- explain: what /status says of every waiting job of an endpoint. Reads only.
-- KEYS  1: prefix "mr:{ep}:"
-- Returns: {number of the job at the head of the list, of the one of low priority, reason, detail},
--          false for each that is not known.
-- Calls of one loop turn share one reply: it says nothing of a single job.
local P = KEYS[1]
--#include explain_wait
local reason, detail = wait_reason(P)
return {head_number(P, 'q'), head_number(P, 'q:low'), reason, detail or false}
