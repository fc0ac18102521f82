-- What came back: the stems of a job in order, with the names, colours and choice of what sounds that their tracks get.

local need = ...
local lines = need("lines")

local delivery = {}

--- A delivered folder by its manifest; nil and a sentence if there is none that can be read.
-- job, stems (file, path, x, samples, sample_rate, channels, label), clips (path, name, offset_samples, length_samples), echo
function delivery.read(folder)
  local rows = lines.read(folder .. "/manifest.tsv", "manifest")
  if not rows then
    return nil, folder .. " holds no manifest.tsv that can be read: were its files moved away? Ask for the stems again"
  end
  local found = { folder = folder, stems = {}, clips = {}, echo = {} }
  for _, row in ipairs(rows) do
    if row[1] == "job" then
      found.job = row[2]
    elseif row[1] == "stem" then
      local stem = {
        index = tonumber(row[2]), x = tonumber(row[3]), file = row[4], path = folder .. "/" .. row[4],
        samples = tonumber(row[5]), sample_rate = tonumber(row[6]), channels = tonumber(row[7]),
      }
      stem.label = delivery.label(stem)
      found.stems[#found.stems + 1] = stem
    elseif row[1] == "clip" then
      found.clips[#found.clips + 1] = {
        path = row[3], name = row[4], offset_samples = tonumber(row[9]), length_samples = tonumber(row[10]),
      }
    elseif row[1] == "echo" then
      found.echo[row[2]] = row[3]
    end
  end
  table.sort(found.stems, function(one, other) return one.index < other.index end)
  return found
end

--- What a stem's track is called: its amount, or what its file's name says in place of one.
function delivery.label(stem)
  if stem.x then
    local digits = stem.file:match("_x([+-]%d+%.%d+)%.[^.]*$")
    return "x " .. (digits or ("%+.2f"):format(stem.x))
  end
  return stem.file:match("_%d+_([^_]*)%.[^.]*$") or stem.file:gsub("%.[^.]*$", "")
end

--- What the pair is called.
function delivery.pair(found)
  local names = {}
  for place, clip in ipairs(found.clips) do names[place] = clip.name end
  return table.concat(names, "~")
end

--- Which stem lies in the middle: the one nearest to x = 0.5, or the middle one of those without an amount.
function delivery.middle(stems)
  local best, least = (#stems + 1) // 2, math.huge
  for place, stem in ipairs(stems) do
    local away = stem.x and math.abs(stem.x - 0.5) or math.huge
    if away < least then best, least = place, away end
  end
  return best
end

--- Colours {red, green, blue} from 0 to 255 for all stems, from one to another; beyond the ends they stay.
function delivery.colours(stems, first, last)
  local found = {}
  for place, stem in ipairs(stems) do
    local share = stem.x or (#stems > 1 and (place - 1) / (#stems - 1)) or 0.5
    share = math.max(0, math.min(1, share))
    local colour = {}
    for channel = 1, 3 do colour[channel] = math.floor(first[channel] + (last[channel] - first[channel]) * share + 0.5) end
    found[place] = colour
  end
  return found
end

--- A colour as text and back: "#3366cc".
function delivery.hex(colour)
  return ("#%02x%02x%02x"):format(colour[1], colour[2], colour[3])
end

function delivery.colour(hex)
  local red, green, blue = (hex or ""):match("^#(%x%x)(%x%x)(%x%x)$")
  if not red then return nil end
  return { tonumber(red, 16), tonumber(green, 16), tonumber(blue, 16) }
end

return delivery
