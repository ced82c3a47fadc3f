-- The script for wrk: sends the requests of one workload, each for a random person of a file.
-- wrk -s workload.lua URL PEOPLE WORKLOAD
--
-- Each line of the file has a token, a check-in, a craving event and a sync cursor, separated by tabs. For the workload
-- `paths` it has a token and, in the place of the cursor, a path. Requests are built once, so that the client uses little processor time on the cores that it shares with the server.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

local function request_of(token, method, path, body)
  local headers = { ["Host"] = wrk.headers["Host"], ["Authorization"] = "Bearer " .. token }
  if body then headers["Content-Type"] = "application/json" end
  return wrk.format(method, path, headers, body)
end

local post = function(p) return request_of(p.token, "POST", "/v1/check-ins", p.check_in) end
local plan = function(p) return request_of(p.token, "GET", "/v1/plans/active?kind=relapse_prevention") end
local list = function(p) return request_of(p.token, "GET", "/v1/check-ins?limit=30") end
local path = function(p) return request_of(p.token, "GET", p.cursor) end
local crave = function(p) return request_of(p.token, "POST", "/v1/craving-events", p.craving) end

-- Builds a request for each person.
local function prepared(make, people)
  local all = {}
  for n, person in ipairs(people) do all[n] = make(person) end
  return all
end

local function any(all) return all[math.random(#all)] end

-- A new time-ordered id (UUID v7). The milliseconds are a counter, since Lua has the time in seconds only.
local count = 0
local function new_id(started)
  count = count + 1
  local millis = started * 1000 + math.floor(count / 64)
  return string.format("%08x-%04x-7%03x-%04x-%04x%08x", math.floor(millis / 65536), millis % 65536,
    math.random(0, 4095), math.random(32768, 49151), math.random(0, 65535), math.random(0, 4294967295))
end

local function sync(people, started)
  return function()
    local person = any(people)
    local changes = {}
    for n = 1, 20 do
      changes[n] = '{"kind":"check-ins","op":"upsert","id":"' .. new_id(started) .. '","record":' .. person.check_in .. '}'
    end
    local body = '{"cursor":"' .. person.cursor .. '","limit":20,"changes":[' .. table.concat(changes, ",") .. ']}'
    return request_of(person.token, "POST", "/v1/sync", body)
  end
end

function init(args)
  local started = os.time()
  math.randomseed(started * 16 + thread_number)
  local people = {}
  for line in io.lines(args[1]) do
    local token, check_in, craving, cursor = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$")
    people[#people + 1] = { token = token, check_in = check_in, craving = craving, cursor = cursor }
  end
  local workload = args[2]
  local single = { w1 = post, w2 = plan, w3 = list, w6 = crave, paths = path }
  if single[workload] then
    local all = prepared(single[workload], people)
    request = function() return any(all) end
  elseif workload == "w4" then
    local posts, plans, lists = prepared(post, people), prepared(plan, people), prepared(list, people)
    request = function()
      local which = math.random(100)
      if which <= 30 then return any(posts) end
      if which <= 65 then return any(plans) end
      return any(lists)
    end
  elseif workload == "w5" then
    request = sync(people, started)
  else
    error("no such workload: " .. tostring(workload))
  end
end

-- There is no `response` function on purpose: with one, wrk would pass every response to Lua. wrk counts statuses other
-- than 2xx and 3xx itself.
function done(summary, latency)
  local e = summary.errors
  print(string.format(
    'FIGURES {"requests":%d,"duration_us":%d,"errors":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
