-- From a job that was sent to its stems in the project: looks now and then, shows how it goes, and lets go in between.

local need = ...
local arrange, delivery, pending = need("arrange"), need("delivery"), need("pending")
local progress, job, window = need("progress"), need("job"), need("window")

local following = {}

local LOOK_SECONDS = 0.2
local TITLE = "LTS: stems are being made"

-- Whether the project is still open, and the one in front: tracks can be added to that one only.
local function in_front(project)
  return reaper.EnumProjects(-1) == project
end

local function say(sentence) reaper.MB(sentence, "LTS", 0) end

-- What to do about the last words of a job. Whether it is over with.
local function ended(project, one, seen, breathe)
  if seen.state == "done" then
    if not in_front(project) then
      one.message = "done; its project has to be in front for the stems to be put there"
      return false
    end
    local found, why = delivery.read(seen.folder)
    local imported = found
    if found then imported, why = arrange.import(project, found, breathe) end
    if not imported then say(why) end
  elseif seen.state == "failed" then
    say(seen.message)
  end
  pending.drop(project, one.id)
  return true
end

local function rows_of(jobs)
  local rows = {}
  for number, one in ipairs(jobs) do
    rows[number] = { title = one.pair, message = one.message, fraction = one.fraction }
  end
  return rows
end

--- Follow all jobs that a project waits for, until each is over or the window is closed.
-- Runs in a coroutine; `breathe` gives REAPER its turn.
function following.run(project, breathe)
  local jobs, next_look = {}, 0
  for _, one in ipairs(pending.all(project)) do
    jobs[#jobs + 1] = {
      id = one.id, root = one.root, pair = one.pair, message = "sent", fraction = 0,
      watch = progress.watch(one.root, one.id, reaper.time_precise()),
    }
  end
  while #jobs > 0 do
    -- one that was closed knows its jobs when it is opened again
    if not reaper.ValidatePtr2(0, project, "ReaProject*") then break end
    local chosen = window.show(TITLE, rows_of(jobs))
    if chosen == "closed" then break end
    if chosen then
      local done, why = job.cancel(jobs[chosen].root, jobs[chosen].id)
      if not done then say(why) end
    end
    if reaper.time_precise() >= next_look then
      for place = #jobs, 1, -1 do
        local one = jobs[place]
        local seen = one.watch:look(reaper.time_precise())
        one.message, one.fraction = seen.message, seen.fraction
        if seen.over and ended(project, one, seen, breathe) then table.remove(jobs, place) end
      end
      next_look = reaper.time_precise() + LOOK_SECONDS
    end
    breathe()
  end
  window.close()
end

return following
