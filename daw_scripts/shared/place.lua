-- Where the watched folder is, as `lts-batch daw install` wrote it beside these files.

local need = ...
local lines = need("lines")

local place = {}

--- {root = ..., presets = list of names}; nil and a sentence if nobody has written it.
function place.read(path)
  local rows = lines.read(path, "place")
  if not rows then
    return nil, "these scripts do not know the watched folder yet: say  lts-batch daw install  in a terminal"
  end
  local found = { presets = {} }
  for _, row in ipairs(rows) do
    if row[1] == "root" then found.root = row[2] end
    if row[1] == "preset" then found.presets[#found.presets + 1] = row[2] end
  end
  return found
end

return place
