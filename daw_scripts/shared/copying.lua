-- Copies of files, a piece at a time, so that the host stays usable; a copy has its name only when it is whole.

local copying = {}

local PIECE_BYTES = 4 * 2 ^ 20 // 1

--- Copy a file; `breathe` is called between pieces. True, or nil and a sentence.
function copying.copy(from, to, breathe)
  local source, why = io.open(from, "rb")
  if not source then return nil, ("%s cannot be read (%s)"):format(from, why) end
  local temporary = to .. ".lts-tmp"
  local goal, problem = io.open(temporary, "wb")
  if not goal then
    source:close()
    return nil, ("%s cannot be written (%s)"):format(to, problem)
  end
  local written = true
  while written do
    local piece = source:read(PIECE_BYTES)
    if not piece then break end
    written, problem = goal:write(piece)
    breathe()
  end
  source:close()
  local closed, late = goal:close()
  if written and closed then
    local renamed, last = os.rename(temporary, to)
    if renamed then return true end
    late = last
  end
  os.remove(temporary)
  return nil, ("%s cannot be written to (%s): is the disk full?"):format(to, problem or late)
end

--- Whether two files hold the same.
function copying.same(one, other, breathe)
  local first, second = io.open(one, "rb"), io.open(other, "rb")
  local equal = first ~= nil and second ~= nil
  while equal do
    local here, there = first:read(PIECE_BYTES), second:read(PIECE_BYTES)
    equal = here == there
    if here == nil then break end
    breathe()
  end
  if first then first:close() end
  if second then second:close() end
  return equal
end

return copying
