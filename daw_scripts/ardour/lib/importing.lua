-- Files into the session by Ardour's own import: it copies them beside the session's other audio.

local importing = {}

local function regions()
  local found = {}
  for _, region in ARDOUR.RegionFactory.regions():iter() do found[region:to_stateful():id():to_s()] = region end
  return found
end

--- The new region, on no track, that a file became; nil if Ardour could not import it.
function importing.file(path)
  local before, files = regions(), C.StringVector()
  files:push_back(path)
  Editor:do_import(files, Editing.ImportDistinctFiles, Editing.ImportAsRegion, ARDOUR.SrcQuality.SrcBest,
                   ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
                   Temporal.timepos_t(0), ARDOUR.PluginInfo(), ARDOUR.Track(), false)
  for id, region in pairs(regions()) do
    if not before[id] then return region end
  end
  return nil
end

return importing
