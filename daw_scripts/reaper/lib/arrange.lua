-- Stems into the project: copied into its media folder, then put on new tracks or into takes, in one undo step.

local need = ...
local copying, delivery, pending = need("copying"), need("delivery"), need("pending")

local arrange = {}

local GREY = { 128, 128, 128 }

local function native(colour)
  return reaper.ColorToNative(colour[1], colour[2], colour[3]) | 0x1000000
end

-- Copies of all stems in the project's media folder; {paths}, or nil and a sentence.
local function copied(project, found, breathe)
  local media = reaper.GetProjectPathEx(project):gsub("\\", "/")
  local folder = ("%s/lts_batch/%s"):format(media, found.job)
  reaper.RecursiveCreateDirectory(folder, 0)
  local paths = {}
  for place, stem in ipairs(found.stems) do
    local path = folder .. "/" .. stem.file
    if not copying.same(stem.path, path, breathe) then
      local done, why = copying.copy(stem.path, path, breathe)
      if not done then return nil, why end
    end
    paths[place] = path
  end
  return paths
end

local function add_track(project, name, colour)
  local number = reaper.CountTracks(project)
  reaper.InsertTrackAtIndex(number, false)
  local track = reaper.GetTrack(project, number)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", name, true)
  if colour then reaper.SetMediaTrackInfo_Value(track, "I_CUSTOMCOLOR", native(colour)) end
  return track
end

local function add_item(track, found, stem, position)
  local item = reaper.AddMediaItemToTrack(track)
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", position)
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", stem.samples / stem.sample_rate)
  reaper.SetMediaItemInfo_Value(item, "C_BEATATTACHMODE", 0)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  pending.mark(item, found.job)
  return item
end

local function add_take(item, stem, source, colour)
  local take = reaper.AddTakeToMediaItem(item)
  reaper.SetMediaItemTake_Source(take, source)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", stem.file, true)
  reaper.SetMediaItemTakeInfo_Value(take, "I_CUSTOMCOLOR", native(colour))
end

local function on_tracks(project, found, sources, colours, position)
  local parent = add_track(project, delivery.pair(found), nil)
  reaper.SetMediaTrackInfo_Value(parent, "I_FOLDERDEPTH", 1)
  local middle = delivery.middle(found.stems)
  for place, stem in ipairs(found.stems) do
    local track = add_track(project, stem.label, colours[place])
    add_take(add_item(track, found, stem, position), stem, sources[place], colours[place])
    local muted = found.echo.mute == "yes" and place ~= middle
    reaper.SetMediaTrackInfo_Value(track, "B_MUTE", muted and 1 or 0)
    if place == #found.stems then reaper.SetMediaTrackInfo_Value(track, "I_FOLDERDEPTH", -1) end
  end
end

local function as_takes(project, found, sources, colours, position)
  local track = add_track(project, delivery.pair(found), nil)
  local longest = found.stems[1]
  for _, stem in ipairs(found.stems) do
    if stem.samples / stem.sample_rate > longest.samples / longest.sample_rate then longest = stem end
  end
  local item = add_item(track, found, longest, position)
  for place, stem in ipairs(found.stems) do add_take(item, stem, sources[place], colours[place]) end
  reaper.SetMediaItemInfo_Value(item, "I_CURTAKE", delivery.middle(found.stems) - 1)
end

-- Peaks, so that there is something to see; a piece at a time.
local function draw_peaks(sources, breathe)
  for _, source in ipairs(sources) do
    if reaper.PCM_Source_BuildPeaks(source, 0) ~= 0 then
      repeat breathe() until reaper.PCM_Source_BuildPeaks(source, 1) == 0
      reaper.PCM_Source_BuildPeaks(source, 2)
    end
  end
end

--- Import what was delivered (see delivery.lua). True, or nil and a sentence; then nothing was changed.
function arrange.import(project, found, breathe)
  if pending.is_there(project, found.job) then return true end
  local paths, why = copied(project, found, breathe)
  if not paths then return nil, why end
  local sources = {}
  for place, path in ipairs(paths) do
    sources[place] = reaper.PCM_Source_CreateFromFile(path)
    if not sources[place] then return nil, ("REAPER cannot open %s"):format(path) end
  end
  local colours = delivery.colours(found.stems, delivery.colour(found.echo.colour_1) or GREY,
                                   delivery.colour(found.echo.colour_2) or GREY)
  local put = found.echo.arrange == "takes" and as_takes or on_tracks
  reaper.Undo_BeginBlock2(project)
  reaper.PreventUIRefresh(1)
  local done, problem = pcall(put, project, found, sources, colours, tonumber(found.echo.position_seconds) or 0)
  reaper.PreventUIRefresh(-1)
  reaper.Undo_EndBlock2(project, "LTS: import stems of " .. delivery.pair(found), -1)
  if not done then
    reaper.Undo_DoUndo2(project)
    error(problem, 0)
  end
  reaper.TrackList_AdjustWindows(false)
  reaper.UpdateArrange()
  draw_peaks(sources, breathe)
  return true
end

return arrange
