-- ardour7-lua ardour_keep.lua OUT SCRIPT...
-- Writes what Ardour keeps of scripts that were switched on in its Script Manager: OUT/actions, and OUT/hook-1, ...

local out = arg[1]
local actions, hooks = { "scripts = {} " }, 0

local function write(name, text)
  local file = assert(io.open(out .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

for number = 2, #arg do
  local file = assert(io.open(arg[number], "rb"))
  local text = file:read("a")
  file:close()
  local header
  local scanned = setmetatable({ ardour = function(values) header = values end }, { __index = _G })
  assert(load(text, "@" .. arg[number], "t", scanned))()
  local code = string.dump(scanned.factory, true)
  if header.type == "EditorHook" then
    hooks = hooks + 1
    write("hook-" .. hooks, ("s = {} s['n']=%q s['s']=%q s['f']=%q s['a']={} "):format(header.name, text, code))
  else
    local at = "scripts[" .. #actions .. "]"
    local kept = "%s = {} %s['n']=%q %s['s']=%q %s['f']=%q %s['c']='' %s['a']={} "
    actions[#actions + 1] = kept:format(at, at, header.name, at, text, at, code, at, at)
  end
end
write("actions", table.concat(actions))
