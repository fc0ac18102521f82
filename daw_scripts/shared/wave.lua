-- A WAV file of 32-bit floats, written piece by piece (RIFF; Microsoft's WAVE_FORMAT_IEEE_FLOAT with its fact chunk).

local wave = {}

local HEADER_BYTES, MOST_BYTES = 58, 2 ^ 32 - 100

local Writer = {}
Writer.__index = Writer

--- A writer for a file of so many samples; nil and a sentence if there can be none.
function wave.open(path, samples, sample_rate, channels)
  local bytes = samples * channels * 4
  if bytes > MOST_BYTES then
    return nil, ("%s would have %.1f GB, and a WAV file holds 4: take a shorter part"):format(path, bytes / 1e9)
  end
  local file, why = io.open(path, "wb")
  if not file then return nil, ("%s cannot be written (%s)"):format(path, why) end
  file:write(("<c4I4c4c4I4I2I2I4I4I2I2I2c4I4I4c4I4"):pack(
    "RIFF", HEADER_BYTES - 8 + bytes, "WAVE", "fmt ", 18, 3, channels, sample_rate, sample_rate * channels * 4, channels * 4,
    32, 0, "fact", 4, samples, "data", bytes))
  return setmetatable({ file = file, path = path, left = samples * channels }, Writer)
end

--- Write samples (interleaved) first to last of a table of numbers. True, or nil and a sentence.
function Writer:add(values, first, last)
  local parts = {}
  for start = first, last, 128 do
    local stop = math.min(last, start + 127)
    parts[#parts + 1] = ("<" .. ("f"):rep(stop - start + 1)):pack(table.unpack(values, start, stop))
  end
  self.left = self.left - (last - first + 1)
  local done, why = self.file:write(table.concat(parts))
  if not done then return nil, ("%s cannot be written to (%s): is the disk full?"):format(self.path, why) end
  return true
end

--- The end of it. True, or nil and a sentence.
function Writer:close()
  local whole = self.left == 0
  local done, why = self.file:close()
  if done and whole then return true end
  os.remove(self.path)
  return nil, ("%s cannot be written to (%s)"):format(self.path, why or "not all of it came")
end

return wave
