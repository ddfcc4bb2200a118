-- Asks for random pages of one list, and prints p95 and the highest latency in milliseconds.
-- usage: wrk … -s lists.lua URL -- LIST PAGES    LIST: catalog, tags, history or pulls
local list, pages = nil, 1
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  list, pages = arguments[1], tonumber(arguments[2])
  math.randomseed(os.time() + number)
end

function request()
  local page = math.random(0, pages - 1)
  if list == "catalog" then
    return wrk.format("GET", string.format("/v2/_catalog?n=100&last=org%04d/app%06d", page, page * 100))
  elseif list == "tags" then
    return wrk.format("GET", string.format("/v2/admin/big/tags/list?n=100&last=build-%06d", page * 100))
  elseif list == "history" then
    return wrk.format("GET", "/api/v1/repository/admin/big/tag/?limit=100&page=" .. (page + 1))
  elseif list == "one history" then
    return wrk.format("GET", string.format("/api/v1/repository/admin/big/tag/?specificTag=build-%06d", page))
  end
  local application = page * 2 + 1
  return wrk.format(
    "GET", string.format("/v2/org%04d/app%06d/manifests/v%d", application / 100, application, page % 10))
end

function done(_, latency, _)
  print(string.format("p95 %.2f max %.2f", latency:percentile(95) / 1000, latency.max / 1000))
end
