ardour { ["type"] = "EditorHook", name = "remote control of a test" }

function signals() return LuaSignal.Set():add({ [LuaSignal.LuaTimerDS] = true }) end

-- Runs what is put into the folder LTS_BATCH_REMOTE as do.lua, and answers with what it says in done.txt.
function factory()
  local busy = false
  return function()
    local folder = os.getenv("LTS_BATCH_REMOTE")
    local file = not busy and io.open(folder .. "/do.lua", "rb")
    if not file then return end
    local text = file:read("a")
    file:close()
    os.remove(folder .. "/do.lua")
    busy = true
    local said = {}
    local tools = setmetatable({ say = function(...)
      local fields = table.pack(...)
      for place = 1, fields.n do fields[place] = tostring(fields[place]) end
      said[#said + 1] = table.concat(fields, "\t")
    end }, { __index = _G })
    local fine, problem = load(text, "=do.lua", "t", tools)
    if fine then fine, problem = pcall(fine) end
    table.insert(said, 1, fine and "done" or "failed: " .. tostring(problem))
    local answer = assert(io.open(folder .. "/answer", "wb"))
    answer:write(table.concat(said, "\n"))
    answer:close()
    os.rename(folder .. "/answer", folder .. "/done.txt")
    busy = false
  end
end
