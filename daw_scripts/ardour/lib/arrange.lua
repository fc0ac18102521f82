-- Stems into the session: imported, then put on new tracks of a group, all regions in one undo step.

local need = ...
local delivery, importing, pending = need("delivery"), need("importing"), need("pending")

local arrange = {}

local GREY = { 128, 128, 128 }

-- Names of tracks and groups are names of ports too, where these mean something else.
local function nameable(name)
  return (name:gsub("[:/]", "_"))
end

local function rgba(colour)
  return colour[1] << 24 | colour[2] << 16 | colour[3] << 8 | 0xff
end

-- A group that holds its tracks together and changes nothing else: it shares neither mute nor gain nor colour.
local function add_group(name, colour)
  local group = Session:new_route_group(name)
  for _, property in ipairs({ "color", "gain", "mute", "solo", "recenable", "monitoring", "select", "route_active" }) do
    group["set_" .. property](group, false)
  end
  group:set_rgba(rgba(colour))
  return group
end

local function add_track(found, stem, group, colour, muted)
  local name = nameable(delivery.pair(found) .. " " .. stem.label)
  local routes = Session:new_audio_track(stem.channels, 2, group, 1, name, ARDOUR.PresentationInfo.max_order,
                                         ARDOUR.TrackMode.Normal, true)
  if routes:empty() then error({ sentence = "Ardour could make no track for " .. name }) end
  local route = routes:front()
  route:presentation_info_ptr():set_color(rgba(colour))
  route:set_comment(pending.mark(found.job), nil)
  if muted then route:mute_control():set_value(1, PBD.GroupControlDisposition.NoGroup) end
  return route:to_track()
end

-- All stems as regions of the session that lie on no track yet, and the names of their files; nil and a sentence if one can't
-- be.
local function imported(found)
  local paths, files = {}, {}
  for place, stem in ipairs(found.stems) do paths[place] = stem.path end
  local regions = importing.files(paths)
  if #regions ~= #paths then
    return nil, ("Ardour imported %d of the %d stems in %s"):format(#regions, #paths, found.folder)
  end
  for place, stem in ipairs(found.stems) do
    local region = regions[place]
    local samples, channels = region:length():samples(), region:to_audioregion():n_channels()
    if samples ~= stem.samples or channels ~= stem.channels then
      return nil, ("%s has %d samples and %d channels, and came into Ardour with %d and %d"):format(
        stem.path, stem.samples, stem.channels, samples, channels)
    end
    files[place] = pending.file_of(region)
  end
  return regions, files
end

local function put(playlist, region, name, position)
  playlist:to_stateful():clear_changes()
  local copy = ARDOUR.RegionFactory.clone_region(region, true, false)
  copy:set_name(name)
  playlist:add_region(copy, Temporal.timepos_t(position), 1, false, 0, 0, false)
  Session:add_stateful_diff_command(playlist:to_statefuldestructible())
end

--- Import what was delivered (see delivery.lua). The names of the session's new files, or nil and a sentence; then there is
-- nothing new on any track, and nothing to undo.
function arrange.import(found)
  if pending.is_there(found.job) then return {} end
  -- first what can go wrong
  local regions, files = imported(found)
  if not regions then return nil, files end
  local first, last = delivery.colour(found.echo.colour_1) or GREY, delivery.colour(found.echo.colour_2) or GREY
  local colours, middle = delivery.colours(found.stems, first, last), delivery.middle(found.stems)
  local group = add_group(nameable(delivery.pair(found)), colours[middle])
  local tracks = {}
  for place, stem in ipairs(found.stems) do
    tracks[place] = add_track(found, stem, group, colours[place], found.echo.mute == "yes" and place ~= middle)
  end
  local position = math.tointeger(tonumber(found.echo.position_samples)) or 0
  Session:begin_reversible_command("LTS: import stems of " .. delivery.pair(found))
  local fine, problem = pcall(function()
    for place, stem in ipairs(found.stems) do put(tracks[place]:playlist(), regions[place], stem.label, position) end
  end)
  if not fine then
    Session:abort_reversible_command()
    error(problem, 0)
  end
  Session:commit_reversible_command(nil)
  return files
end

return arrange
