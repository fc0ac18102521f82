-- What the entry scripts do.

local need = ...
local choices, delivery, dialog, envelope = need("choices"), need("delivery"), need("dialog"), need("envelope")
local following, heard, job, pending = need("following"), need("heard"), need("job"), need("pending")
local place, progress, say, selection = need("place"), need("progress"), need("say"), need("selection")

local actions = {}

local TITLE = "LTS: morph selected clips"
local LONG_SECONDS, LOOK_MICROSECONDS, MOST_LETTERS = 20, 100000, 60

local function known_root()
  local found, why = place.read(need("folder") .. "/place.tsv")
  if not found or not found.root then error({ sentence = why or "place.tsv names no root: say  lts-batch daw install" }) end
  return found.root
end

-- The colour of a region's track; nil if it has none.
local function colour_of(found)
  local rgba = found.route:presentation_info_ptr():color()
  if rgba == 0 then return nil end
  return delivery.hex({ rgba >> 24 & 0xff, rgba >> 16 & 0xff, rgba >> 8 & 0xff })
end

local function id_of(thing) return thing:to_stateful():id():to_s() end

-- What the daemon gives back, so that the stems find their place.
local function echo_of(pair, answers)
  local position = pair[1].region:position():samples()
  return {
    host = "ardour", session = Session:path(), arrange = answers.arrange, mute = answers.mute,
    position_samples = position, position_seconds = position / Session:nominal_sample_rate(),
    colour_1 = colour_of(pair[1]), colour_2 = colour_of(pair[2]),
    region_1 = id_of(pair[1].region), region_2 = id_of(pair[2].region),
    track_1 = id_of(pair[1].route), track_2 = id_of(pair[2].route),
  }
end

-- A window for rendering that takes a while; nil for short clips, which are there before one could read it.
local function rendering_window(pair)
  local samples = pair[1].region:length():samples() + pair[2].region:length():samples()
  return samples >= LONG_SECONDS * Session:nominal_sample_rate() and LuaDialog.ProgressWindow(TITLE, true) or nil
end

-- Both regions as clips in the inbox; nil if the user took it back. Nothing of them is left there then, nor if one can't be.
local function rendered(pair, root, id, leave_envelope_out)
  local clips, taken_back = {}, false
  local window = rendering_window(pair)
  local fine, problem = pcall(function()
    for number, found in ipairs(pair) do
      clips[number] = heard.clip(found, root, id, number, number == 1 and leave_envelope_out, function(share)
        taken_back = window and window:progress(share, ("rendering clip %d"):format(number)) or false
        return not taken_back
      end)
    end
  end)
  if window then window:done() end
  if fine then return clips end
  heard.forget(clips, root)
  if not taken_back then error(problem, 0) end
  return nil
end

-- Remember a job in the session and send it: in this order, so that no job is sent that nobody would wait for.
local function send(root, id, name, text)
  pending.add(id, root, name)
  local sent, why = job.send(root, id, text)
  if sent then return end
  pending.set(id, "failed")
  error({ sentence = why })
end

local function warn_if_nobody(root)
  local now = ARDOUR.LuaAPI.monotonic_time() / 1e6
  if not progress.watch(root, "", now):alive(now) then say.sentence("The clips wait, but " .. progress.nobody(root)) end
end

local function morph(swapped)
  local pair = selection.pair()
  if swapped then pair[1], pair[2] = pair[2], pair[1] end
  local root = known_root()
  local answers = dialog.ask(swapped and TITLE .. ", swapped" or TITLE)
  if not answers then return end
  local points = answers.curve ~= "no" and envelope.points(pair[1], answers.curve) or nil
  local settings = choices.settings(answers, Session:nominal_sample_rate(), points)
  local id = job.id()
  local clips = rendered(pair, root, id, answers.curve == "take")
  if not clips then return end
  local fine, problem = pcall(function()
    send(root, id, clips[1].name .. "~" .. clips[2].name, job.text(clips, answers.preset, settings, echo_of(pair, answers)))
  end)
  if not fine then
    heard.forget(clips, root)
    error(problem, 0)
  end
  warn_if_nobody(root)
end

--- Two selected regions become stems.
function actions.morph() morph(false) end

--- The same, with the later one as clip 1.
function actions.morph_swapped() morph(true) end

--- The clips of a selected stem once more, with other answers.
function actions.again()
  local regions = selection.regions()
  local id, root
  if #regions == 1 then id, root = pending.job_of(regions[1].region) end
  if not id then error({ sentence = "select one region that came from LTS" }) end
  local before, why = delivery.read(root .. "/outbox/" .. id)
  if not before then error({ sentence = why }) end
  local answers = dialog.ask("LTS: again with other settings")
  if not answers then return end
  if answers.curve ~= "no" then
    error({ sentence = "for a curve select the two clips themselves: their stems do not hold the envelope" })
  end
  local echo = before.echo
  echo.arrange, echo.mute = answers.arrange, answers.mute
  for _, key in ipairs({ "position_seconds", "position_samples" }) do echo[key] = tonumber(echo[key]) end
  send(root, job.id(), delivery.pair(before),
       job.text(before.clips, answers.preset, choices.settings(answers, Session:nominal_sample_rate(), nil), echo))
  warn_if_nobody(root)
end

-- The jobs that the session waits for; an error {sentence = ...} if there are none.
local function waiting()
  local jobs = pending.all()
  if #jobs == 0 then error({ sentence = "this session waits for no stems" }) end
  return jobs
end

local function take_back(one)
  local done, why = job.cancel(one.root, one.id)
  if not done then error({ sentence = why }) end
  pending.set(one.id, "cancelled")
end

--- Take back a job that is waited for: which one is asked for if there are more.
function actions.cancel()
  local jobs = waiting()
  local chosen = jobs
  if #jobs > 1 then
    local values = { ["all of them"] = 0 }
    for number, one in ipairs(jobs) do values[("%d: %s"):format(number, one.pair)] = number end
    local answer = LuaDialog.Dialog("LTS: cancel", {
      { type = "dropdown", key = "which", title = "Take back", values = values, default = "all of them" },
    }):run()
    if not answer then return end
    if answer.which ~= 0 then chosen = { jobs[answer.which] } end
  end
  for _, one in ipairs(chosen) do take_back(one) end
end

-- A text that a window has room for, since Ardour's grows with it.
local function shortened(text)
  if (utf8.len(text) or 0) <= MOST_LETTERS then return text end
  return text:sub(1, utf8.offset(text, MOST_LETTERS) - 1) .. "…"
end

--- Show how it goes, until nothing is waited for or the window is closed. Its button may also take the first job back.
-- As long as it is open it holds Ardour's other windows up; closed, nothing is lost, for the hook imports.
function actions.progress()
  waiting()
  local follower = following.new()
  local left = follower:look()
  if #left == 0 then return end
  if not left[1].seen.alive then error({ sentence = progress.nobody(left[1].root) }) end
  local window = LuaDialog.ProgressWindow("LTS: stems are being made", true)
  local fine, problem = pcall(function()
    while #left > 0 and not window:canceled() do
      local more = #left > 1 and (" (and %d more)"):format(#left - 1) or ""
      local text = ("%s: %s"):format(left[1].pair, left[1].seen.message)
      window:progress(left[1].seen.fraction, shortened(text) .. more)
      ARDOUR.LuaAPI.usleep(LOOK_MICROSECONDS)
      left = follower:look()
    end
  end)
  window:done()
  if not fine then error(problem, 0) end
  if #left > 0 and say.question(("Take %s back? No closes the window only."):format(left[1].pair)) then take_back(left[1]) end
end

--- Run an action by its name.
function actions.run(name)
  actions[name]()
end

return actions
