-- How a job is, and whether somebody works on it. Life is a counter that changes: no clock of another machine is looked at,
-- and no job is ever given up for the time that it takes.

local need = ...
local lines = need("lines")

local progress = {}

progress.QUIET_SECONDS = 10
progress.LAST_WORDS = { done = true, failed = true, cancelled = true }

local Watch = {}
Watch.__index = Watch

--- Watch a job; `now` is any clock in seconds that never goes back.
function progress.watch(root, id, now)
  return setmetatable({ root = root, id = id, heard = now }, Watch)
end

--- Whether a daemon is at work on the root, as far as its counter tells.
function Watch:alive(now)
  local daemon = lines.values(self.root .. "/status/daemon.tsv", "daemon")
  local life = daemon and (daemon.session or "") .. " " .. (daemon.counter or "")
  if life and life ~= self.life then self.life, self.heard = life, now end
  if not daemon then return now - self.heard < progress.QUIET_SECONDS and self.life ~= nil end
  return daemon.state == "running" and now - self.heard < progress.QUIET_SECONDS
end

--- What to show.
-- state: of the status file, or "sent" while there is none; fraction: 0 to 1; message: a sentence
-- over: whether these were the last words; folder: where things lie, in full; alive: whether a daemon is at work
function Watch:look(now)
  local status = lines.values(self.root .. "/status/" .. self.id .. ".tsv", "status")
  local seen = { alive = self:alive(now), state = "sent", fraction = 0, message = "waits to be taken", over = false }
  if status then
    seen.state = status.state or "sent"
    seen.fraction = tonumber(status.fraction) or 0
    seen.message = status.message or ""
    seen.over = progress.LAST_WORDS[seen.state] or false
    if status.folder and status.folder ~= "" then seen.folder = self.root .. "/" .. status.folder end
  end
  if not seen.over and not seen.alive then
    seen.message = progress.nobody(self.root)
  end
  return seen
end

--- The sentence for a root that nobody works on.
function progress.nobody(root)
  return ('no lts-batch is at work: start it in a terminal with  lts-batch watch "%s"  ; this goes on by itself then')
    :format(root)
end

return progress
