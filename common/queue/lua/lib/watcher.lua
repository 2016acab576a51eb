-- Adds a node to the watchers of a job, once. mark '+': a close watcher, told of the start, progress
-- and chunks too, not only of the end; a node that is one already stays one.
local function add_watcher(key, watchers, watcher, mark)
    local list = ' ' .. (watchers or '') .. ' '
    if watcher == '' or string.find(list, ' ' .. watcher .. '+ ', 1, true) then
        return
    end
    local at = string.find(list, ' ' .. watcher .. ' ', 1, true)
    if not at then
        list = list .. watcher .. mark .. ' '
    elseif mark ~= '' then
        list = string.sub(list, 1, at + #watcher) .. mark .. string.sub(list, at + #watcher + 1)
    else
        return
    end
    redis.call('HSET', key, 'wt', string.match(list, '^ *(.-) *$'))
end
