ardour {
  ["type"] = "EditorAction", name = "LTS: morph selected clips", author = "lts_batch", license = "MIT",
  description = [[Two selected regions become stems between their timbres.]],
}

-- Ardour keeps nothing of this file but what lies inside the function that factory returns.
function factory()
  return function()
    local fine, problem = pcall(function()
      local config = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "lts_batch")
      local folder = os.getenv("LTS_BATCH_ARDOUR") or config
      local start = loadfile(folder .. "/lib/start.lua")
      if not start then
        error({ sentence = "the parts of the LTS scripts are not in " .. folder .. ": say  lts-batch daw install ardour" })
      end
      start(folder)("actions").run("morph")
    end)
    if fine then return end
    -- an error that got out would make Ardour forget the action
    local own = "LTS met a mistake of its own:\n" .. tostring(problem)
    LuaDialog.Message("LTS", type(problem) == "table" and problem.sentence or own, LuaDialog.MessageType.Warning,
                      LuaDialog.ButtonType.Close):run()
  end
end
