-- Lines of tabs, as the daemon writes them (docs/protocol.md). Nothing that is read here is ever run.

local lines = {}

local PLAIN = { ["\\"] = "\\", t = "\t", n = "\n", r = "\r" }
local WRITTEN = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

--- The rows of a text, each a list of fields, without the first line; nil if that says something else.
function lines.parse(text, kind)
  local rows = {}
  for line in text:gmatch("([^\n]*)\n") do
    local row = {}
    for field in (line .. "\t"):gmatch("([^\t]*)\t") do
      row[#row + 1] = (field:gsub("\\(.)", PLAIN))
    end
    rows[#rows + 1] = row
  end
  local head = table.remove(rows, 1)
  if head and head[1] == "lts-batch-" .. kind and head[2] == "1" then return rows end
  return nil
end

--- The same for a file; nil if there is none, or it is of another kind.
function lines.read(path, kind)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text and lines.parse(text, kind)
end

--- A file whose lines are a key and a value, as a table by key; nil as above.
function lines.values(path, kind)
  local rows = lines.read(path, kind)
  if not rows then return nil end
  local found = {}
  for _, row in ipairs(rows) do found[row[1]] = row[2] end
  return found
end

--- Rows as such a text: what `parse` reads.
function lines.text(kind, rows)
  local written = { "lts-batch-" .. kind .. "\t1\n" }
  for _, row in ipairs(rows) do
    local fields = {}
    for place, field in ipairs(row) do fields[place] = tostring(field):gsub("[\\\t\n\r]", WRITTEN) end
    written[#written + 1] = table.concat(fields, "\t") .. "\n"
  end
  return table.concat(written)
end

return lines
