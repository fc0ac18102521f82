-- Small files of lines that are read and written again: whole, or as they were.

local need = ...
local lines = need("lines")

local kept = {}

--- The rows of a file; none if there is no such file. An error {sentence = ...} for a file that somebody else wrote, for it
-- would be written over.
function kept.read(path, kind)
  local rows = lines.read(path, kind)
  if rows then return rows end
  local file = io.open(path, "rb")
  if not file then return {} end
  file:close()
  error({ sentence = path .. " is not written as these scripts write it: move it away" })
end

--- Write rows; an error {sentence = ...} if it can't be.
function kept.write(path, kind, rows)
  local temporary = path .. ".lts-tmp"
  local file, why = io.open(temporary, "wb")
  if not file then error({ sentence = ("%s cannot be written (%s)"):format(path, why) }) end
  local written, problem = file:write(lines.text(kind, rows))
  local closed, late = file:close()
  local renamed, last
  if written and closed then
    renamed, last = os.rename(temporary, path)
    if not renamed then -- Windows renames onto no file that is there
      os.remove(path)
      renamed, last = os.rename(temporary, path)
    end
  end
  if renamed then return end
  os.remove(temporary)
  error({ sentence = ("%s cannot be written to (%s): is the disk full?"):format(path, problem or late or last) })
end

return kept
