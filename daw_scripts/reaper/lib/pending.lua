-- The jobs that a project waits for, kept in the project itself, so that closing and opening it loses none.

local pending = {}

local SECTION, ITEM_KEY = "lts_batch", "P_EXT:lts_job"

--- All of them: {id, root, pair}.
function pending.all(project)
  local found, place = {}, 0
  while true do
    local there, id, text = reaper.EnumProjExtState(project, SECTION, place)
    if not there then return found end
    local root, pair = text:match("^(.-) :: (.*)$")
    if root then found[#found + 1] = { id = id, root = root, pair = pair } end
    place = place + 1
  end
end

--- From now on it is waited for.
function pending.add(project, id, root, pair)
  reaper.SetProjExtState(project, SECTION, id, root .. " :: " .. pair:gsub("%c", " "))
  reaper.MarkProjectDirty(project)
end

--- No more.
function pending.drop(project, id)
  reaper.SetProjExtState(project, SECTION, id, "")
  reaper.MarkProjectDirty(project)
end

--- An item's job; nil where it has none.
function pending.job_of(item)
  local _, id = reaper.GetSetMediaItemInfo_String(item, ITEM_KEY, "", false)
  return id ~= "" and id or nil
end

--- Mark an item with its job.
function pending.mark(item, id)
  reaper.GetSetMediaItemInfo_String(item, ITEM_KEY, id, true)
end

--- Whether a job's stems are in a project.
function pending.is_there(project, id)
  for place = 0, reaper.CountMediaItems(project) - 1 do
    if pending.job_of(reaper.GetMediaItem(project, place)) == id then return true end
  end
  return false
end

return pending
