-- Files into the session by Ardour's own import: it copies them beside the session's other audio.

local importing = {}

local function regions()
  local found = {}
  for _, region in ARDOUR.RegionFactory.regions():iter() do found[region:to_stateful():id():to_s()] = region end
  return found
end

--- The new regions, on no track, that files became, in their order; fewer if Ardour could not import them all.
-- All at once, for Ardour shows a window and writes down a step to undo (in which nothing changes) each time.
function importing.files(paths)
  local before, files = regions(), C.StringVector()
  for _, path in ipairs(paths) do files:push_back(path) end
  Editor:do_import(files, Editing.ImportDistinctFiles, Editing.ImportAsRegion, ARDOUR.SrcQuality.SrcBest,
                   ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
                   Temporal.timepos_t(0), ARDOUR.PluginInfo(), ARDOUR.Track(), false)
  local found, ids = {}, {}
  for id in pairs(regions()) do
    if not before[id] then ids[#ids + 1] = math.tointeger(tonumber(id)) end
  end
  table.sort(ids) -- ids count upwards
  local now = regions()
  for place, id in ipairs(ids) do found[place] = now[tostring(id)] end
  return found
end

return importing
