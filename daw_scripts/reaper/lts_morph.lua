-- @description LTS: morph selected clips
-- @author lts_batch
-- @version 0.1.0
-- @about
--   Two selected items become stems between their timbres, by way of the watched folder of lts_batch.
--   After the first installation say  lts-batch daw install reaper  in a terminal: it tells the scripts where that folder is.
-- @provides
--   [main] lts_*.lua
--   [nomain] lib/*.lua
--   [nomain] ../shared/*.lua > shared/

local here = select(2, reaper.get_action_context()):match("^.*[/\\]") or ""
local loaded = {}
local function need(name)
  for _, folder in ipairs({ "lib/", "shared/", "../shared/" }) do
    loaded[name] = loaded[name] or (loadfile(here .. folder .. name .. ".lua") or function() end)(need)
  end
  return assert(loaded[name], "the part " .. name .. " of the LTS scripts is missing: install them again")
end

need("actions").run("morph", here)
