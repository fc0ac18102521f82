-- The regions that are to be morphed: clip 1 is the earlier one, of two that start together the one on the upper track.

local selection = {}

--- The track (as a Route) that a region lies on; nil if it lies on none.
function selection.route_of(region)
  local id = region:to_stateful():id()
  for route in Session:get_tracks():iter() do
    if not route:to_track():playlist():region_by_id(id):isnil() then return route end
  end
  return nil
end

local function comes_before(one, other)
  local here, there = one.region:position():samples(), other.region:position():samples()
  if here ~= there then return here < there end
  return one.route:presentation_info_ptr():order() < other.route:presentation_info_ptr():order()
end

--- All selected regions in that order, each {region, route}.
function selection.regions()
  local found = {}
  for region in Editor:get_selection().regions:regionlist():iter() do
    local route = selection.route_of(region)
    if route then found[#found + 1] = { region = region, route = route } end
  end
  table.sort(found, comes_before)
  return found
end

--- Just two of them; an error {sentence = ...} otherwise.
function selection.pair()
  local found = selection.regions()
  if #found ~= 2 then
    local count = #found == 0 and "none is" or #found == 1 and "one is" or #found .. " are"
    error({ sentence = ("select the two regions to morph between: %s selected"):format(count) })
  end
  return found
end

return selection
