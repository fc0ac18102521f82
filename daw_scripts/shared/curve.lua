-- A drawn envelope as the curve of a job: x = gain, from 0 to 1.3 (LTS's own range beyond clip 2).

local need = ...
local json = need("json")

local curve = {}

curve.HIGHEST = 1.3
local STEP_SECONDS, NEAR_SECONDS, MOST_POINTS = 0.005, 1e-5, 4000
local TOLERANCE = 0.0005 -- of x: far less than anybody hears

-- Which points of a line are needed, so that straight lines between them are nowhere off by more than the tolerance
-- (Ramer 1972, Douglas and Peucker 1973).
local function needed(times, values, first, last, kept)
  local worst, at = TOLERANCE, nil
  for place = first + 1, last - 1 do
    local share = (times[place] - times[first]) / (times[last] - times[first])
    local off = math.abs(values[first] + (values[last] - values[first]) * share - values[place])
    if off > worst then worst, at = off, place end
  end
  if at then
    needed(times, values, first, at, kept)
    kept[#kept + 1] = at
    needed(times, values, at, last, kept)
  end
end

-- Even times from start to end, and the corners between them where there is room for all of those.
local function times_of(length_seconds, corners)
  local count = math.max(2, math.min(MOST_POINTS, math.floor(length_seconds / STEP_SECONDS) + 2))
  local times = {}
  for place = 1, count do times[place] = length_seconds * (place - 1) / (count - 1) end
  if count + #corners <= MOST_POINTS then
    for _, seconds in ipairs(corners) do
      if seconds > NEAR_SECONDS and seconds < length_seconds - NEAR_SECONDS then times[#times + 1] = seconds end
    end
    table.sort(times)
    for place = #times - 1, 2, -1 do
      if times[place] - times[place - 1] < NEAR_SECONDS then table.remove(times, place - 1 > 1 and place - 1 or place) end
    end
  end
  return times
end

--- Breakpoints {seconds, x} of an envelope.
-- gain: function of the seconds from the start of clip 1 to linear gain; length_seconds: of clip 1
-- corners: seconds at which the envelope has points, if they are known, so that peaks are met
function curve.sampled(gain, length_seconds, corners)
  local times, values = times_of(length_seconds, corners or {}), {}
  local count = #times
  for place = 1, count do values[place] = math.max(0, math.min(curve.HIGHEST, gain(times[place]))) end
  local kept = { 1 }
  needed(times, values, 1, count, kept)
  kept[#kept + 1] = count
  local points = json.list()
  for place, at in ipairs(kept) do
    points[place] = json.list({ math.floor(times[at] * 1e6 + 0.5) / 1e6, math.floor(values[at] * 1e6 + 0.5) / 1e6 })
  end
  return points
end

return curve
