-- The two items that are to be morphed: clip 1 is the earlier one, of two that start together the one on the upper track.

local selection = {}

local function track_number(item)
  return reaper.GetMediaTrackInfo_Value(reaper.GetMediaItem_Track(item), "IP_TRACKNUMBER")
end

local function comes_before(one, other)
  local here, there = reaper.GetMediaItemInfo_Value(one, "D_POSITION"), reaper.GetMediaItemInfo_Value(other, "D_POSITION")
  if here ~= there then return here < there end
  return track_number(one) < track_number(other)
end

--- All selected items of a project, in that order.
function selection.items(project)
  local items = {}
  for place = 0, reaper.CountSelectedMediaItems(project) - 1 do
    items[#items + 1] = reaper.GetSelectedMediaItem(project, place)
  end
  table.sort(items, comes_before)
  return items
end

--- Just two of them; an error {sentence = ...} otherwise.
function selection.pair(project)
  local items = selection.items(project)
  if #items ~= 2 then
    local found = #items == 0 and "none is" or #items == 1 and "one is" or #items .. " are"
    error({ sentence = ("select the two items to morph between: %s selected"):format(found) })
  end
  return items
end

return selection
