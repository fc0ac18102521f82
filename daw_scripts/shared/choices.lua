-- What the user is asked before a job is sent, with the same words in each DAW, and what of it goes into the job.

local choices = {}

local ALIGN = { stretch = true, onsets = true, beats = true, trim = true, pad = true, loop = true }

--- In this order they are asked for. `key` is what they are remembered by.
choices.QUESTIONS = {
  { key = "preset", caption = "Preset (empty: none)", value = "" },
  { key = "steps", caption = "Steps (empty: the preset's)", value = "5" },
  { key = "beyond", caption = "Beyond both clips (0 to 2)", value = "0" },
  { key = "align", caption = "Align: stretch onsets beats trim pad loop", value = "stretch" },
  { key = "detail", caption = "Detail (0 to 1)", value = "1" },
  { key = "arrange", caption = "On: tracks or takes", value = "tracks" },
  { key = "mute", caption = "Mute all but the middle: yes or no", value = "yes" },
  { key = "curve", caption = "Curve from the envelope: no take track", value = "no" },
}

local function number(values, key, least, most, whole)
  local text = values[key]:gsub(",", ".")
  if text == "" then return nil end
  local found = tonumber(text)
  if not found or found < least or found > most or (whole and math.type(found) ~= "integer") then
    error({ sentence = ("%s = %s is not %s from %g to %g"):format(key, values[key], whole and "a whole number" or "a number",
                                                                  least, most) })
  end
  return found
end

local function one_of(values, key, known)
  if not known[values[key]] then
    local names = {}
    for name in pairs(known) do names[#names + 1] = name end
    table.sort(names)
    error({ sentence = ("%s = %s is not known: it is one of %s"):format(key, values[key], table.concat(names, ", ")) })
  end
end

--- Trim what was typed, and check it. The preset and the settings of a job; an error {sentence = ...} for what can't be.
-- sample_rate: of the project; points: the drawn curve, or nil
function choices.settings(values, sample_rate, points)
  local settings = {
    sample_rate = sample_rate,
    steps = number(values, "steps", 1, 1001, true),
    beyond = number(values, "beyond", 0, 2),
    detail = number(values, "detail", 0, 1),
  }
  if values.align ~= "" then
    one_of(values, "align", ALIGN)
    settings.align = values.align
  end
  if points then
    settings.steps, settings.beyond = nil, nil
    settings.curve, settings.curve_unit = points, "seconds"
  end
  return settings
end

--- What was typed, trimmed; an error {sentence = ...} for what this side of the protocol has to know.
function choices.checked(typed, takes_are_possible)
  local values = {}
  for _, question in ipairs(choices.QUESTIONS) do
    values[question.key] = (typed[question.key] or question.value):match("^%s*(.-)%s*$")
  end
  if not values.preset:match("^[%w_-]*$") then
    error({ sentence = ("preset = %s is no name of a preset: lts-batch presets  lists them"):format(values.preset) })
  end
  one_of(values, "arrange", takes_are_possible and { tracks = true, takes = true } or { tracks = true })
  one_of(values, "mute", { yes = true, no = true })
  one_of(values, "curve", { no = true, take = true, track = true })
  choices.settings(values, nil, nil)
  return values
end

return choices
