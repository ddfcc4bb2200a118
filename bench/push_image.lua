-- Pushes images of one layer, one after the other on each connection: run with as many threads as connections.
-- usage: wrk -tN -cN … -s push_image.lua URL -- FOLDER REPOSITORY COUNT N
-- FOLDER holds COUNT layers and configs: files "1", "1.config", … and "list" with one line "NUMBER DIGEST BYTES
-- CONFIG-DIGEST CONFIG-BYTES" each. Layers are shared out among the threads, and none is pushed twice; a thread that is done leaves a file
-- "done-NUMBER".
local threads = 0
function setup(thread)
  thread:set("first", threads)
  threads = threads + 1
  thread:set("images", 0)
end

local layers, repository, folder, count = {}, nil, nil, 0
local state, current, place, step_count = "begin", 0, nil, 0

local function read(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local data = file:read("*a")
  file:close()
  return data
end

function init(arguments)
  folder, repository, count = arguments[1], arguments[2], tonumber(arguments[3])
  step_count = tonumber(arguments[4])
  for line in io.lines(folder .. "/list") do
    local number, digest, bytes, config, config_bytes = line:match("(%d+) (%S+) (%d+) (%S+) (%d+)")
    layers[tonumber(number)] = {
      digest = digest, bytes = tonumber(bytes), config = config, config_bytes = tonumber(config_bytes) }
  end
  current = first + 1
end

local function headers(extra)
  local all = {}
  for name, value in pairs(wrk.headers) do all[name] = value end
  for name, value in pairs(extra or {}) do all[name] = value end
  return all
end

local function with_digest(location, digest)
  return location .. (location:find("?", 1, true) and "&" or "?") .. "digest=" .. digest
end

function request()
  local uploads = "/v2/" .. repository .. "/blobs/uploads/"
  if state == "begin" or state == "begin config" then
    return wrk.format("POST", uploads, headers({ ["Content-Length"] = "0" }), "")
  elseif state == "layer" then
    return wrk.format("PUT", with_digest(place, layers[current].digest),
      headers({ ["Content-Type"] = "application/octet-stream" }), read(tostring(current)))
  elseif state == "config" then
    return wrk.format("PUT", with_digest(place, layers[current].config),
      headers({ ["Content-Type"] = "application/octet-stream" }), read(current .. ".config"))
  elseif state == "manifest" then
    local body = string.format('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
      .. '"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},'
      .. '"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}',
      layers[current].config, layers[current].config_bytes, layers[current].digest, layers[current].bytes)
    return wrk.format("PUT", "/v2/" .. repository .. "/manifests/image-" .. current,
      headers({ ["Content-Type"] = "application/vnd.oci.image.manifest.v1+json" }), body)
  end
  return wrk.format("GET", "/v2/", headers())
end

function response(status, answer)
  if status >= 400 then
    io.stderr:write("status " .. status .. " while in " .. state .. "\n")
    wrk.thread:stop()
  end
  if state == "begin" or state == "begin config" then
    for name, value in pairs(answer) do
      if name:lower() == "location" then place = value:gsub("^https?://[^/]+", "") end
    end
    state = state == "begin" and "layer" or "config"
  elseif state == "layer" then
    state = "begin config"
  elseif state == "config" then
    state = "manifest"
  elseif state == "manifest" then
    images = images + 1
    current = current + step_count
    state = current <= count and "begin" or "done"
    if state == "done" then
      -- wrk itself goes on until its time is over: this says that it need not.
      assert(io.open(folder .. "/done-" .. first, "w")):close()
      wrk.thread:stop()
    end
  end
end
