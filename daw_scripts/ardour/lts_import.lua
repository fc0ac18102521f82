ardour {
  ["type"] = "EditorHook", name = "LTS: import finished stems", author = "lts_batch", license = "MIT",
  description = [[Puts stems on new tracks as soon as they are there.]],
}

function signals()
  return LuaSignal.Set():add({ [LuaSignal.LuaTimerDS] = true })
end

-- Ardour keeps nothing of this file but factory.
function factory()
  local following, hopeless
  return function()
    if hopeless then return end
    local fine, problem = pcall(function()
      if not following then
        local config = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "lts_batch")
        local folder = os.getenv("LTS_BATCH_ARDOUR") or config
        local start = loadfile(folder .. "/lib/start.lua")
        if not start then
          error({ sentence = "the parts of the LTS scripts are not in " .. folder .. ": say  lts-batch daw install ardour" })
        end
        following = start(folder)("following").new()
      end
      following:tick()
    end)
    if fine then return end
    -- an error that got out would make Ardour forget the hook; one that stays would be said ten times a second
    hopeless = true
    local own = "LTS met a mistake of its own:\n" .. tostring(problem)
    LuaDialog.Message("LTS", (type(problem) == "table" and problem.sentence or own)
                      .. "\nStems are imported again once Ardour has been started again.",
                      LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close):run()
  end
end
