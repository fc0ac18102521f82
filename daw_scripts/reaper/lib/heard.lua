-- What is heard of an item: a part of its file where that says it all, else a rendering of it, made here.

local need = ...
local wave = need("wave")

local heard = {}

local PIECE_SAMPLES = 65536

local function item_value(item, key) return reaper.GetMediaItemInfo_Value(item, key) end
local function take_value(take, key) return reaper.GetMediaItemTakeInfo_Value(take, key) end

local function whole(value) return math.floor(value + 0.5) end

local function refuse(name, why)
  error({ sentence = ("%s %s"):format(name, why) })
end

-- The envelopes of a take that are at work, but for one.
local function has_envelopes(take, but)
  for place = 0, reaper.CountTakeEnvelopes(take) - 1 do
    local envelope = reaper.GetTakeEnvelope(take, place)
    local _, active = reaper.GetSetEnvelopeInfo_String(envelope, "ACTIVE", "", false)
    if envelope ~= but and active == "1" then return true end
  end
  return false
end

--- Why an item is not just a part of its file; nil where it is.
local function more_than_a_part(item, take, source, curve)
  local length, is_beats = reaper.GetMediaSourceLength(source)
  local from = take_value(take, "D_STARTOFFS")
  local half_a_sample = 0.5 / math.max(1, reaper.GetMediaSourceSampleRate(source))
  if reaper.GetMediaSourceParent(source) then return "is a section, or reversed" end
  if is_beats then return "counts in beats" end
  if take_value(take, "D_PLAYRATE") ~= 1 then return "is played at another rate" end
  if take_value(take, "D_PITCH") ~= 0 then return "is played at another pitch" end
  if from < 0 or from + item_value(item, "D_LENGTH") > length + half_a_sample then return "is longer than its file" end
  if reaper.TakeFX_GetCount(take) > 0 then return "has effects" end
  if reaper.GetTakeNumStretchMarkers(take) > 0 then return "has stretch markers" end
  if take_value(take, "I_CHANMODE") ~= 0 then return "has another channel mode" end
  if take_value(take, "D_VOL") ~= 1 or item_value(item, "D_VOL") ~= 1 then return "has a volume of its own" end
  if take_value(take, "D_PAN") ~= 0 then return "is panned" end
  for _, fade in ipairs({ "D_FADEINLEN", "D_FADEOUTLEN", "D_FADEINLEN_AUTO", "D_FADEOUTLEN_AUTO" }) do
    if item_value(item, fade) > 0 then return "has a fade" end
  end
  if has_envelopes(take, curve) then return "has an envelope" end
  return nil
end

-- A track is heard as a whole: what lies under or over the item would be in the rendering too.
local function is_alone(item)
  local track = reaper.GetMediaItem_Track(item)
  local from = item_value(item, "D_POSITION")
  local to = from + item_value(item, "D_LENGTH")
  for place = 0, reaper.CountTrackMediaItems(track) - 1 do
    local other = reaper.GetTrackMediaItem(track, place)
    local start = item_value(other, "D_POSITION")
    if other ~= item and item_value(other, "B_MUTE") == 0 and start < to and start + item_value(other, "D_LENGTH") > from then
      return false
    end
  end
  return true
end

local function channels_of(take, source)
  local mode = take_value(take, "I_CHANMODE")
  if mode >= 2 and mode <= 66 then return 1 end -- a mono mix, or one channel
  local channels = reaper.GetMediaSourceNumChannels(source)
  local spread = reaper.TakeFX_GetCount(take) > 0 or take_value(take, "D_PAN") ~= 0
  return math.max(spread and 2 or 1, channels)
end

-- Write what the item's track gives to its effects while the item plays.
local function render(item, take, source, path, sample_rate, breathe)
  local channels = channels_of(take, source)
  local start = item_value(item, "D_POSITION")
  local samples = whole(item_value(item, "D_LENGTH") * sample_rate)
  local writer, why = wave.open(path, samples, sample_rate, channels)
  if not writer then return nil, why end
  local accessor = reaper.CreateTrackAudioAccessor(reaper.GetMediaItem_Track(item))
  local buffer = reaper.new_array(PIECE_SAMPLES * channels)
  local done = true
  for first = 0, samples - 1, PIECE_SAMPLES do
    local count = math.min(PIECE_SAMPLES, samples - first)
    buffer.clear()
    local got = reaper.GetAudioAccessorSamples(accessor, sample_rate, channels, start + first / sample_rate, count, buffer)
    if got < 0 then
      done, why = nil, "REAPER gave no audio of it"
      break
    end
    done, why = writer:add(buffer.table(), 1, count * channels)
    if not done then break end
    breathe()
  end
  reaper.DestroyAudioAccessor(accessor)
  if not done then writer.left = -1 end
  local closed, late = writer:close()
  if done and closed then return samples end
  return nil, why or late
end

--- A clip of a job for an item.
-- root, id: of the job; number: of the clip; curve: the envelope that is to be the curve, and so no part of the sound
-- Gives {path, offset_samples, length_samples, name, rendered}; an error {sentence = ...} where it can't.
function heard.clip(item, root, id, number, curve, breathe)
  local take = reaper.GetActiveTake(item)
  if not take then refuse(("item %d"):format(number), "has no take with audio: select an audio item") end
  local name = reaper.GetTakeName(take)
  name = name ~= "" and name or ("clip %d"):format(number)
  if reaper.TakeIsMIDI(take) then
    refuse(name, "is MIDI, which has no sound of its own: render it to audio first (Track: Render tracks to stem tracks)")
  end
  if item_value(item, "B_MUTE") ~= 0 then refuse(name, "is muted, so nothing of it is heard: unmute it") end
  local source = reaper.GetMediaItemTake_Source(take)
  local why = more_than_a_part(item, take, source, curve)
  local origin = source
  while reaper.GetMediaSourceParent(origin) do origin = reaper.GetMediaSourceParent(origin) end
  local sample_rate = reaper.GetMediaSourceSampleRate(origin)
  if sample_rate < 1 then refuse(name, "has no audio file: select an audio item") end
  local path = reaper.GetMediaSourceFileName(origin, "")
  if not why then
    return {
      path = path:gsub("\\", "/"), name = name:gsub("%.[^.]*$", ""),
      offset_samples = whole(take_value(take, "D_STARTOFFS") * sample_rate),
      length_samples = whole(item_value(item, "D_LENGTH") * sample_rate),
    }
  end
  if not is_alone(item) then
    refuse(name, why .. ", and another item on its track sounds with it: glue it first (Item: Glue items)")
  end
  local file = ("%s_%d.wav"):format(id, number)
  local temporary = ("%s/inbox/.%s"):format(root, file)
  if curve then reaper.GetSetEnvelopeInfo_String(curve, "ACTIVE", "0", true) end
  local made, samples, problem = pcall(render, item, take, source, temporary, math.tointeger(whole(sample_rate)), breathe)
  if curve then reaper.GetSetEnvelopeInfo_String(curve, "ACTIVE", "1", true) end
  if not made then error(samples, 0) end
  local renamed
  if samples then renamed, problem = os.rename(temporary, ("%s/inbox/%s"):format(root, file)) end
  if not renamed then
    os.remove(temporary)
    refuse(name, ("could not be rendered: %s"):format(problem))
  end
  return { path = file, name = name:gsub("%.[^.]*$", ""), rendered = true }
end

--- Remove what was rendered for a job that came to nothing.
function heard.forget(clips, root)
  for _, clip in ipairs(clips) do
    if clip.rendered then os.remove(("%s/inbox/%s"):format(root, clip.path)) end
  end
end

return heard
