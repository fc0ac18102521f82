-- Plain values as strict JSON (RFC 8259), keys in order, so that the same job is the same text.

local json = {}

local LIST = {}
local SHORT = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- Marks a table as a list, so that an empty one is one too.
function json.list(values)
  return setmetatable(values or {}, LIST)
end

local function text(value)
  if not utf8.len(value) then
    error({ sentence = ('the name "%s" is not written in UTF-8: rename it'):format(value:gsub("[\128-\255]", "?")) })
  end
  return '"' .. value:gsub('[%c"\\\127]', function(character)
    return SHORT[character] or ("\\u%04x"):format(character:byte())
  end) .. '"'
end

local function number(value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if value ~= value or value == math.huge or value == -math.huge then
    error({ sentence = "a number is not finite" })
  end
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%d"):format(math.tointeger(value)) end
  for digits = 15, 17 do
    -- a host may have set a locale that writes a comma
    local written = ("%." .. digits .. "g"):format(value):gsub(",", ".")
    if digits == 17 or tonumber(written) == value then return written end
  end
end

--- The text of a value: nil values are left out of objects; an error {sentence = ...} for what JSON can't say.
function json.text(value)
  local kind = type(value)
  if kind == "string" then return text(value) end
  if kind == "number" then return number(value) end
  if kind == "boolean" then return tostring(value) end
  assert(kind == "table", "no JSON for a " .. kind)
  local parts = {}
  if getmetatable(value) == LIST then
    for _, item in ipairs(value) do parts[#parts + 1] = json.text(item) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do parts[#parts + 1] = text(key) .. ": " .. json.text(value[key]) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

return json
