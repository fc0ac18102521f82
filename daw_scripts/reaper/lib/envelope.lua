-- The envelope over clip 1 that is to be the curve: the volume of its take or of its track, read as REAPER plays it.

local need = ...
local curve = need("curve")

local envelope = {}

--- The envelope of an item that the user chose ("take" or "track"); an error {sentence = ...} where there is none at work.
function envelope.of(item, choice)
  local found
  if choice == "take" then
    found = reaper.GetTakeEnvelopeByName(reaper.GetActiveTake(item), "Volume")
  else
    found = reaper.GetTrackEnvelopeByName(reaper.GetMediaItem_Track(item), "Volume")
  end
  local active = "0"
  if found then active = select(2, reaper.GetSetEnvelopeInfo_String(found, "ACTIVE", "", false)) end
  if active ~= "1" then
    local sentence = "clip 1 has no %s volume envelope that is switched on: draw one, or choose curve = no"
    error({ sentence = sentence:format(choice) })
  end
  return found
end

--- Its breakpoints over an item, in seconds from the item's start.
function envelope.points(found, item, choice)
  -- a take's envelope counts from the item's start, in the take's own time
  local start, rate = 0, 1
  if choice == "track" then
    start = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  else
    rate = reaper.GetMediaItemTakeInfo_Value(reaper.GetActiveTake(item), "D_PLAYRATE")
  end
  local scaling = reaper.GetEnvelopeScalingMode(found)
  local function gain(seconds)
    local _, value = reaper.Envelope_Evaluate(found, start + seconds * rate, 0, 0)
    return reaper.ScaleFromEnvelopeMode(scaling, value)
  end
  return curve.sampled(gain, reaper.GetMediaItemInfo_Value(item, "D_LENGTH"))
end

return envelope
