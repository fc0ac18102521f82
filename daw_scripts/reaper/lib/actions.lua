-- What the entry scripts do. Each action runs as a coroutine that gives REAPER its turn, so that nothing ever blocks.

local need = ...
local choices, delivery, dialog, envelope = need("choices"), need("delivery"), need("dialog"), need("envelope")
local following, heard, job, pending = need("following"), need("heard"), need("job"), need("pending")
local place, progress, selection = need("place"), need("progress"), need("selection")

local actions = {}

local TITLE = "LTS: morph selected clips"
local breathe = coroutine.yield

local function say(sentence) reaper.MB(sentence, "LTS", 0) end

-- Beside the scripts, or, for scripts that came by ReaPack, where lts-batch daw install puts its own.
local function known_place()
  local found, why = place.read(actions.folder .. "place.tsv")
  found = found or place.read(reaper.GetResourcePath() .. "/Scripts/lts_batch/place.tsv")
  if not found or not found.root then error({ sentence = why or "place.tsv names no root: say  lts-batch daw install" }) end
  return found
end

-- The rate that the project plays at.
local function sample_rate(project)
  local rate
  if reaper.GetSetProjectInfo(project, "PROJECT_SRATE_USE", 0, false) > 0 then
    rate = reaper.GetSetProjectInfo(project, "PROJECT_SRATE", 0, false)
  else
    local known, text = reaper.GetAudioDeviceInfo("SRATE")
    rate = known and tonumber(text) or 0
  end
  return rate >= 1000 and math.floor(rate + 0.5) or nil
end

local function colour_of(item)
  local value = math.tointeger(reaper.GetDisplayedMediaItemColor(item)) or 0
  if value == 0 then value = math.tointeger(reaper.GetTrackColor(reaper.GetMediaItem_Track(item))) or 0 end
  if value == 0 then return nil end
  local red, green, blue = reaper.ColorFromNative(value & 0xffffff)
  return delivery.hex({ red, green, blue })
end

local function guid(item)
  local _, found = reaper.GetSetMediaItemInfo_String(item, "GUID", "", false)
  return found
end

-- Write the clips of a job where they need writing, and the job itself; `clips` is filled as they are made.
local function put(project, items, answers, root, id, clips)
  local drawn, points
  if answers.curve ~= "no" then
    drawn = envelope.of(items[1], answers.curve)
    points = envelope.points(drawn, items[1], answers.curve)
  end
  for number, item in ipairs(items) do
    local left_out = number == 1 and answers.curve == "take" and drawn or nil
    clips[number] = heard.clip(item, root, id, number, left_out, breathe)
  end
  local _, file = reaper.EnumProjects(-1)
  local echo = {
    host = "reaper", project = file, arrange = answers.arrange, mute = answers.mute,
    position_seconds = reaper.GetMediaItemInfo_Value(items[1], "D_POSITION"),
    colour_1 = colour_of(items[1]), colour_2 = colour_of(items[2]), item_1 = guid(items[1]), item_2 = guid(items[2]),
  }
  local settings = choices.settings(answers, sample_rate(project), points)
  local sent, why = job.send(root, id, job.text(clips, answers.preset, settings, echo))
  if not sent then error({ sentence = why }) end
end

-- A mistake of ours with the place where it was made; what is for the user stays as it is.
local function told(problem)
  return type(problem) == "table" and problem or debug.traceback(tostring(problem), 2)
end

-- Send two items, and remember the job in the project.
local function send(project, items, answers, root)
  local id, clips = job.id_of(reaper.genGuid("")), {}
  local fine, problem = xpcall(put, told, project, items, answers, root, id, clips)
  if not fine then
    heard.forget(clips, root)
    error(problem, 0)
  end
  pending.add(project, id, root, clips[1].name .. "~" .. clips[2].name)
end

local function warn_if_nobody(root)
  local status = progress.watch(root, "", reaper.time_precise())
  local begun = reaper.time_precise()
  if not status:alive(begun) then say("The clips wait, but " .. progress.nobody(root)) end
end

local function morph(swapped)
  local project = reaper.EnumProjects(-1)
  local items = selection.pair(project)
  if swapped then items[1], items[2] = items[2], items[1] end
  local root = known_place().root
  local answers = dialog.ask(swapped and TITLE .. ", swapped" or TITLE)
  if not answers then return end
  send(project, items, answers, root)
  warn_if_nobody(root)
  following.run(project, breathe)
end

--- Two selected items become stems.
function actions.morph() morph(false) end

--- The same, with the later one as clip 1.
function actions.morph_swapped() morph(true) end

--- The clips of a selected stem once more, with other answers.
function actions.again()
  local project = reaper.EnumProjects(-1)
  local items = selection.items(project)
  local id = #items == 1 and pending.job_of(items[1])
  if not id then error({ sentence = "select one item that came from LTS" }) end
  local root = known_place().root
  local before, why = delivery.read(root .. "/outbox/" .. id)
  if not before then error({ sentence = why }) end
  local answers = dialog.ask("LTS: again with other settings")
  if not answers then return end
  if answers.curve ~= "no" then
    error({ sentence = "for a curve select the two clips themselves: their stems do not hold the envelope" })
  end
  local echo = before.echo
  echo.arrange, echo.mute, echo.position_seconds = answers.arrange, answers.mute, tonumber(echo.position_seconds)
  local settings = choices.settings(answers, sample_rate(project), nil)
  local new_id = job.id_of(reaper.genGuid(""))
  local sent, problem = job.send(root, new_id, job.text(before.clips, answers.preset, settings, echo))
  if not sent then error({ sentence = problem }) end
  pending.add(project, new_id, root, delivery.pair(before))
  warn_if_nobody(root)
  following.run(project, breathe)
end

--- Wait for what this project waits for, after it was opened again.
function actions.pick_up()
  local project = reaper.EnumProjects(-1)
  if #pending.all(project) == 0 then error({ sentence = "this project waits for no stems" }) end
  following.run(project, breathe)
end

--- Run an action by its name; `folder` is where place.tsv lies.
function actions.run(name, folder)
  actions.folder = folder
  local routine = coroutine.create(actions[name])
  local function step()
    local fine, problem = coroutine.resume(routine)
    if not fine then
      need("window").close()
      if type(problem) == "table" then say(problem.sentence)
      else say("LTS met a mistake of its own:\n" .. debug.traceback(routine, tostring(problem))) end
    elseif coroutine.status(routine) ~= "dead" then
      reaper.defer(step)
    end
  end
  step()
end

return actions
