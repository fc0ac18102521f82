-- From jobs that were sent to their stems in the session: a look now and then, and nothing held up in between.

local need = ...
local arrange, delivery, pending = need("arrange"), need("delivery"), need("pending")
local progress, say = need("progress"), need("say")

local following = {}

local LOOK_SECONDS = 0.5

local Following = {}
Following.__index = Following

--- What follows the jobs of whichever session is open.
function following.new()
  return setmetatable({ watches = {}, next_look = 0 }, Following)
end

local function now() return ARDOUR.LuaAPI.monotonic_time() / 1e6 end

-- Put the stems of a job into the session. While Ardour imports it runs its own loop, in which others look too: so that they
-- leave the job alone, its state says what is going on.
local function import(one, seen)
  local found, why = delivery.read(seen.folder)
  local files
  if found then
    pending.set(one.id, "importing")
    local fine
    fine, files, why = pcall(arrange.import, found)
    if not fine then
      why = type(files) == "table" and files.sentence or "LTS met a mistake of its own:\n" .. tostring(files)
      files = nil
    end
  end
  pending.set(one.id, files and "imported" or "failed", files)
  if not files then say.sentence(why) end
end

-- Say once that nobody works, unless the sender has just said so.
local function mind_life(self, one, watch, seen)
  if seen.alive then
    watch.told, self.said = false, false
  elseif not watch.told then
    watch.told = true
    if not self.said then
      self.said = true
      say.sentence(("The stems of %s wait: "):format(one.pair) .. progress.nobody(one.root))
    end
  end
end

--- Look at all jobs, and import what is done. A list of {id, root, pair, seen} of what is still waited for.
function Following:look()
  local left = {}
  for _, one in ipairs(pending.all()) do
    local watch = self.watches[one.id] or progress.watch(one.root, one.id, now())
    if not self.watches[one.id] then watch.told = not self.opening end
    self.watches[one.id] = watch
    local seen = watch:look(now())
    if seen.over and seen.state == "done" then
      -- not under a recording, and not into a step to undo that somebody else has opened
      if not Session:actively_recording() and not Session:collected_undo_commands() then import(one, seen) end
    elseif seen.over then
      pending.set(one.id, seen.state)
      if seen.state == "failed" then say.sentence(seen.message) end
    else
      mind_life(self, one, watch, seen)
    end
    if pending.state(one.id) == "waiting" then
      one.seen = seen
      left[#left + 1] = one
    end
  end
  return left
end

--- To be called often: looks when it is time to, and never while it is still at it.
function Following:tick()
  if self.busy or not Session or now() < self.next_look then return end
  self.busy = true
  local fine, problem = pcall(function()
    self.opening = self.session ~= Session:path() .. Session:snap_name()
    if self.opening then
      self.session, self.watches = Session:path() .. Session:snap_name(), {}
      pending.reopen()
    end
    self:look()
  end)
  self.next_look, self.busy = now() + LOOK_SECONDS, false
  if not fine then error(problem, 0) end
end

return following
