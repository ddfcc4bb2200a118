-- Each connection rests between its requests, so that all of them together make a share of what the server can do.
-- usage: wrk … -s paced.lua URL -- MILLISECONDS
local pause = 1
function init(arguments) pause = tonumber(arguments[1]) end
function delay() return pause end
