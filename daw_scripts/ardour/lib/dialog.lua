-- The questions before a job, which remember their last answers.

local need = ...
local choices, kept, place, say = need("choices"), need("kept"), need("place"), need("say")

local dialog = {}

local KIND = "answers"

local function path() return need("folder") .. "/answers.tsv" end

-- The choices of a list: what is shown, and what it stands for.
local function lists()
  local presets = { ["none"] = "" }
  local known = place.read(need("folder") .. "/place.tsv")
  for _, name in ipairs(known and known.presets or {}) do presets[name] = name end
  local align = { ["the preset's"] = "" }
  for _, name in ipairs({ "stretch", "onsets", "beats", "trim", "pad", "loop" }) do align[name] = name end
  return {
    preset = { title = "Preset", values = presets, otherwise = "none" },
    align = { title = "Align", values = align, otherwise = "stretch" },
    curve = {
      title = "Curve from an envelope",
      values = { ["no"] = "no", ["the region's gain envelope"] = "take", ["the track's gain automation"] = "track" },
      otherwise = "no",
    },
  }
end

local function shown(list, value)
  for title, meant in pairs(list.values) do
    if meant == value then return title end
  end
  return list.otherwise
end

-- The fields of the window, filled in with values.
local function fields(values)
  local found, known = {}, lists()
  for _, question in ipairs(choices.QUESTIONS) do
    local key, list = question.key, known[question.key]
    if list then
      found[#found + 1] = { type = "dropdown", key = key, title = list.title, values = list.values,
                            default = shown(list, values[key]) }
    elseif key == "mute" then
      found[#found + 1] = { type = "checkbox", key = key, title = "Mute all but the middle", default = values[key] == "yes" }
    elseif key ~= "arrange" then -- Ardour has no takes
      found[#found + 1] = { type = "entry", key = key, title = question.caption, default = values[key] }
    end
  end
  return found
end

--- The answers, checked; nil if the user took it back. What can't be is said, and asked again.
function dialog.ask(title)
  local values = {}
  for _, question in ipairs(choices.QUESTIONS) do values[question.key] = question.value end
  for _, row in ipairs(kept.read(path(), KIND)) do values[row[1]] = row[2] end
  values.arrange = "tracks"
  while true do
    local answers = LuaDialog.Dialog(title, fields(values)):run()
    if not answers then return nil end
    for key, answer in pairs(answers) do values[key] = answer end
    values.mute = answers.mute and "yes" or "no"
    local right, found = pcall(choices.checked, values, false)
    if right then
      local rows = {}
      for _, question in ipairs(choices.QUESTIONS) do rows[#rows + 1] = { question.key, found[question.key] } end
      kept.write(path(), KIND, rows)
      return found
    end
    if type(found) ~= "table" then error(found, 0) end
    say.sentence(found.sentence)
  end
end

return dialog
