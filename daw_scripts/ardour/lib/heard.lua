-- A region as it is heard (its part of the file, gain, envelope and fades), rendered into the inbox by Ardour's own reading.

local need = ...
local wave = need("wave")

local heard = {}

local PIECE_SAMPLES = 65536

local function refuse(name, why)
  error({ sentence = ("%s %s"):format(name, why) })
end

-- What has to be so that anything is heard at all.
local function check(region, name)
  local audio = region:to_audioregion()
  if audio:isnil() then
    refuse(name, "is MIDI, which has no sound of its own: bounce it to audio first (Region > Edit > Bounce)")
  end
  if region:muted() then refuse(name, "is muted, so nothing of it is heard: unmute it") end
  for channel = 0, audio:n_channels() - 1 do
    local source = region:source(channel):to_filesource() -- nil for what was combined out of other regions
    if not source:isnil() then
      local file = io.open(source:path(), "rb")
      if not file then refuse(name, ("misses its file %s"):format(source:path())) end
      file:close()
    end
  end
  return audio
end

-- Write what the playlist plays while the region plays.
local function render(playlist, region, channels, path, sample_rate, breathe)
  local samples = region:length():samples()
  local start = region:position():samples()
  local writer, why = wave.open(path, samples, sample_rate, channels)
  if not writer then return nil, why end
  local sound, mixed = ARDOUR.DSP.DspShm(PIECE_SAMPLES), ARDOUR.DSP.DspShm(PIECE_SAMPLES)
  local gains = ARDOUR.DSP.DspShm(PIECE_SAMPLES)
  local done = true
  for first = 0, samples - 1, PIECE_SAMPLES do
    local count = math.min(PIECE_SAMPLES, samples - first)
    local values = {}
    for channel = 0, channels - 1 do
      playlist:read(sound:to_float(0), mixed:to_float(0), gains:to_float(0), Temporal.timepos_t(start + first),
                    Temporal.timecnt_t(count), channel)
      local read = sound:to_float(0):get_table(count)
      if channels == 1 then
        values = read
      else
        for place = 1, count do values[(place - 1) * channels + channel + 1] = read[place] end
      end
    end
    done, why = writer:add(values, 1, count * channels)
    if done and not breathe((first + count) / samples) then done, why = nil, "it was taken back" end
    if not done then
      writer.left = -1
      break
    end
  end
  local closed, late = writer:close()
  if done and closed then return true end
  return nil, why or late
end

-- Do it without what else sounds at the region's place on its track, and, if asked for, without its envelope.
-- All of it is put back afterwards, and none of it is a step to undo.
local function alone(playlist, region, audio, leave_envelope_out, work)
  local silenced = {}
  local from = region:position()
  local to = Temporal.timepos_t(from:samples() + region:length():samples() - 1)
  for other in playlist:regions_touched(from, to):iter() do
    if other:to_stateful():id():to_s() ~= region:to_stateful():id():to_s() and not other:muted() then
      silenced[#silenced + 1] = other
      other:set_muted(true)
    end
  end
  local switched = leave_envelope_out and audio:envelope_active()
  if switched then audio:set_envelope_active(false) end
  local found = table.pack(pcall(work))
  if switched then audio:set_envelope_active(true) end
  for _, other in ipairs(silenced) do other:set_muted(false) end
  if not found[1] then error(found[2], 0) end
  return found[2], found[3]
end

--- What a region is called in the names of stems.
function heard.name(region)
  return region:name() ~= "" and region:name() or "clip"
end

--- A clip of a job for a {region, route}.
-- root, id: of the job; number: of the clip; leave_envelope_out: where the envelope is the curve, and so no part of the sound
-- breathe: is told the share that is done, and says whether to go on
-- Gives {path, name, rendered}; an error {sentence = ...} where it can't.
function heard.clip(found, root, id, number, leave_envelope_out, breathe)
  local region = found.region
  local name = heard.name(region)
  local audio = check(region, name)
  local playlist = found.route:to_track():playlist()
  local file = ("%s_%d.wav"):format(id, number)
  local temporary = ("%s/inbox/.%s"):format(root, file)
  local done, why = alone(playlist, region, audio, leave_envelope_out, function()
    return render(playlist:to_audioplaylist(), region, audio:n_channels(), temporary, Session:nominal_sample_rate(), breathe)
  end)
  if done then done, why = os.rename(temporary, ("%s/inbox/%s"):format(root, file)) end
  if not done then
    os.remove(temporary)
    refuse(name, ("could not be rendered: %s"):format(why))
  end
  return { path = file, name = name, rendered = true }
end

--- Remove what was rendered for a job that came to nothing.
function heard.forget(clips, root)
  for _, clip in ipairs(clips) do os.remove(("%s/inbox/%s"):format(root, clip.path)) end
end

return heard
