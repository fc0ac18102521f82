-- How the parts find each other, since Ardour has no `require`: gives the function that loads one by its name, once.

local folder = ...

local loaded = {}

local function need(name)
  if name == "folder" then return folder end
  for _, place in ipairs({ "/lib/", "/shared/" }) do
    loaded[name] = loaded[name] or (loadfile(folder .. place .. name .. ".lua") or function() end)(need)
  end
  return assert(loaded[name], "the part " .. name .. " of the LTS scripts is missing: install them again")
end

return need
