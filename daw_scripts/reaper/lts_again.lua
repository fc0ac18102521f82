-- @description LTS: again with other settings
-- @noindex
-- Belongs to the package of lts_morph.lua.

local here = select(2, reaper.get_action_context()):match("^.*[/\\]") or ""
local loaded = {}
local function need(name)
  for _, folder in ipairs({ "lib/", "shared/", "../shared/" }) do
    loaded[name] = loaded[name] or (loadfile(here .. folder .. name .. ".lua") or function() end)(need)
  end
  return assert(loaded[name], "the part " .. name .. " of the LTS scripts is missing: install them again")
end

need("actions").run("again", here)
