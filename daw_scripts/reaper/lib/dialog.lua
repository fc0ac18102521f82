-- The questions before a job, which remember their last answers.

local need = ...
local choices = need("choices")

local dialog = {}

local SECTION = "lts_batch"

--- The answers, checked; nil if the user took it back. What can't be is said, and asked again.
function dialog.ask(title)
  local captions, values = {}, {}
  for place, question in ipairs(choices.QUESTIONS) do
    captions[place] = question.caption
    values[place] = question.value
    if reaper.HasExtState(SECTION, question.key) then values[place] = reaper.GetExtState(SECTION, question.key) end
  end
  captions[#captions + 1] = "extrawidth=140"
  captions[#captions + 1] = "separator=\n"
  while true do
    local agreed, typed = reaper.GetUserInputs(title, #choices.QUESTIONS, table.concat(captions, ","),
                                               table.concat(values, "\n"))
    if not agreed then return nil end
    local answers, place = {}, 0
    for line in (typed .. "\n"):gmatch("([^\n]*)\n") do
      place = place + 1
      if choices.QUESTIONS[place] then answers[choices.QUESTIONS[place].key] = line end
      values[place] = line
    end
    local right, found = pcall(choices.checked, answers, true)
    if right then
      for _, question in ipairs(choices.QUESTIONS) do
        reaper.SetExtState(SECTION, question.key, found[question.key], true)
      end
      return found
    end
    if type(found) ~= "table" then error(found, 0) end
    reaper.MB(found.sentence, title, 0)
  end
end

return dialog
