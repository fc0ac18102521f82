-- What is drawn over clip 1 and is to be the curve: the gain envelope of its region, or the gain automation of its track.

local need = ...
local curve = need("curve")

local envelope = {}

-- The list of an envelope, and the sample of the session from which it counts.
local function of(found, choice)
  if choice == "take" then
    local audio = found.region:to_audioregion()
    if audio:isnil() or not audio:envelope_active() then
      error({ sentence = "clip 1 has no region gain envelope that is switched on: draw one, or choose no curve" })
    end
    return audio:envelope():list(), 0
  end
  local control = found.route:gain_control()
  local list = control:alist():list()
  if list:events():size() == 0 or control:automation_state() == ARDOUR.AutoState.Off then
    error({ sentence = "the track of clip 1 has no gain automation that is switched on: draw one, or choose no curve" })
  end
  return list, found.region:position():samples()
end

--- Its breakpoints over a {region, route}, in seconds from the region's start; an error {sentence = ...} where there is none.
-- choice: "take" (the region's own) or "track"
function envelope.points(found, choice)
  local list, start = of(found, choice)
  local sample_rate = Session:nominal_sample_rate()
  local function gain(seconds)
    -- Ardour does not draw straight lines between its points, so that it has to be asked
    return list:eval(Temporal.timepos_t(start + math.floor(seconds * sample_rate + 0.5)))
  end
  local corners = {}
  for event in list:events():iter() do corners[#corners + 1] = (event.when:samples() - start) / sample_rate end
  return curve.sampled(gain, found.region:length():samples() / sample_rate, corners)
end

return envelope
