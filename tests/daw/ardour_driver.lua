-- ardour7-lua ardour_driver.lua SESSION NAME WORK SCRIPTS
-- Runs the real actions over a real session, with a stand-in for the window, which is not there without it: the selection,
-- dialogs and boxes. WORK/cases.lua returns {prepare = text, cases = {{name, script, root, select, answers, prepare}, ...}};
-- WORK/results.json gets for each case the boxes that were shown, the dialogs that were asked, and what `check` returned.

local folder, session_name, work, scripts = table.unpack(arg)
local parts = os.getenv("LTS_BATCH_ARDOUR")
local json = assert(loadfile(parts .. "/shared/json.lua"))()

Session = load_session(folder, session_name)
assert(Session, "the session could not be loaded")

local boxes, asked, answers, selected, canceled

local function strict(name, values)
  return setmetatable(values, { __index = function(_, key) error(name .. "." .. tostring(key) .. " is not there", 2) end })
end

local KNOWN = { dropdown = true, entry = true, checkbox = true }

local function check_fields(fields)
  for _, field in ipairs(fields) do
    assert(KNOWN[field.type], field.type)
    assert(type(field.key) == "string" and type(field.title) == "string")
    if field.type == "dropdown" then assert(field.values[field.default] ~= nil, "no default in " .. field.key) end
    if field.type == "entry" then assert(type(field.default) == "string") end
    if field.type == "checkbox" then assert(type(field.default) == "boolean") end
  end
end

LuaDialog = strict("LuaDialog", {
  MessageType = strict("MessageType", { Info = 0, Warning = 1, Question = 2, Error = 3 }),
  ButtonType = strict("ButtonType", { OK = 0, Close = 1, Cancel = 2, Yes_No = 3, OK_Cancel = 4 }),
  Response = strict("Response", { OK = 0, Cancel = 1, Close = 2, Yes = 3, No = 4, None = 5 }),
  Message = function(...)
    local title, text, kind, buttons = ...
    assert(select("#", ...) == 4 and type(title) == "string" and type(text) == "string" and kind and buttons)
    boxes[#boxes + 1] = text
    return { run = function() return table.remove(answers, 1) or 2 end }
  end,
  Dialog = function(...)
    local title, fields = ...
    assert(select("#", ...) == 2 and type(title) == "string")
    check_fields(fields)
    local shown = { title = title, fields = {} }
    local found = {}
    for _, field in ipairs(fields) do
      shown.fields[field.key] = field.default
      found[field.key] = field.default
      if field.type == "dropdown" then found[field.key] = field.values[field.default] end
    end
    asked[#asked + 1] = shown
    local answer = table.remove(answers, 1)
    if answer then for key, value in pairs(answer) do found[key] = value end end
    return { run = function() return answer and found or nil end }
  end,
  ProgressWindow = function(title, can_cancel)
    assert(type(title) == "string" and can_cancel == true)
    local turns = 0
    return {
      progress = function(_, share, text)
        assert(share >= 0 and share <= 1)
        turns = turns + 1
        boxes[#boxes + 1] = "progress " .. text
        return canceled ~= nil and turns >= canceled
      end,
      canceled = function() return canceled ~= nil and turns >= canceled end,
      done = function() boxes[#boxes + 1] = "progress done" end,
    }
  end,
})

local function region_named(name)
  for route in Session:get_tracks():iter() do
    for region in route:to_track():playlist():region_list():iter() do
      if region:name() == name then return region, route end
    end
  end
  error("no region " .. name)
end

Editor = strict("Editor", {
  get_selection = function()
    local list = ARDOUR.RegionListPtr()
    for _, name in ipairs(selected) do list:push_back((region_named(name))) end
    return { regions = { regionlist = function() return list end } }
  end,
  do_import = function(_, ...)
    assert(select("#", ...) == 10 and (...):size() > 0) -- and imports nothing
  end,
})
Editing = strict("Editing", { ImportDistinctFiles = 0, ImportAsRegion = 0 })
LuaSignal = strict("LuaSignal", { LuaTimerDS = 47, Set = function() return { add = function(set) return set end } end })

-- A script as Ardour keeps it: only the code of its factory, made anew, and that without os and io.
local function loaded(name)
  local file = assert(io.open(scripts .. "/" .. name, "rb"))
  local text = file:read("a")
  file:close()
  local kind
  local scanned = { ardour = function(header) kind = header.type end, os = strict("os", {}), io = strict("io", {}) }
  setmetatable(scanned, { __index = _G })
  assert(load(text, "@" .. name, "t", scanned))()
  assert(kind == (name == "lts_import.lua" and "EditorHook" or "EditorAction"))
  local stdlib = { os, io }
  os, io = nil, nil
  local made = assert(load(string.dump(scanned.factory, true), nil, nil, _G))({})
  os, io = table.unpack(stdlib)
  return made
end

-- The state of the regions that a case may not change.
local function state()
  local rows = json.list()
  for route in Session:get_tracks():iter() do
    for region in route:to_track():playlist():region_list():iter() do
      local audio = region:to_audioregion()
      rows[#rows + 1] = ("%s %s %s"):format(region:name(), tostring(region:muted()),
                                            not audio:isnil() and tostring(audio:envelope_active()) or "")
    end
  end
  return rows
end

local steps = assert(loadfile(work .. "/cases.lua"))()
local tools = setmetatable({ region_named = region_named }, { __index = _G })
assert(load(steps.prepare, "=prepare", "t", tools))()

local hook, now = nil, 0
rawset(ARDOUR.LuaAPI, "monotonic_time", function() return now * 1000000 // 1 end)
rawset(ARDOUR.LuaAPI, "usleep", function(microseconds) now = now + microseconds / 1e6 end)

local results = {}
for _, case in ipairs(steps.cases) do
  boxes, asked, answers, selected = json.list(), json.list(), case.answers or {}, case.select or {}
  canceled = case.canceled
  local check = assert(load(case.prepare or "", "=" .. case.name, "t", tools))
  check()
  local before = json.text(state())
  if case.root then
    local file = assert(io.open(parts .. "/place.tsv", "wb"))
    file:write("lts-batch-place\t1\nroot\t" .. case.root .. "\npreset\tgraded-11\n")
    file:close()
  end
  now = now + (case.seconds or 1)
  if case.script == "lts_import.lua" then
    if case.new_hook or not hook then hook = loaded(case.script) end
    hook()
  elseif case.script then
    loaded(case.script)()
  end
  results[case.name] = { boxes = boxes, asked = asked, untouched = json.text(state()) == before,
                         undo = Session:collected_undo_commands() }
end
local file = assert(io.open(work .. "/results.json", "wb"))
file:write(json.text(results))
file:close()
