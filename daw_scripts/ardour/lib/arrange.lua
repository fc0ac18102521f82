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

-- All stems as regions of the session that lie on no track yet; nil and a sentence if one can't be.
local function imported(found)
  local regions, files = {}, {}
  for place, stem in ipairs(found.stems) do
    local region = importing.file(stem.path)
    if not region then return nil, ("Ardour could not import %s"):format(stem.path) end
    local channels = region:to_audioregion():n_channels()
    if region:length():samples() ~= stem.samples or channels ~= stem.channels then
      return nil, ("%s came into Ardour with %d samples and %d channels, and it has %d and %d")
        :format(stem.path, region:length():samples(), channels, stem.samples, stem.channels)
    end
    regions[place], files[place] = region, pending.file_of(region)
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
  local regions, files = imported(found)
  if not regions then return nil, files end
  local first, last = delivery.colour(found.echo.colour_1) or GREY, delivery.colour(found.echo.colour_2) or GREY
  local colours, middle = delivery.colours(found.stems, first, last), delivery.middle(found.stems)
  local group = add_group(nameable(delivery.pair(found)), colours[middle])
  local tracks = {}
  for place, stem in ipairs(found.stems) do
    tracks[place] = add_track(found, stem, group, colours[place], found.echo.mute == "yes" and place ~= middle)
  end
  Session:begin_reversible_command("LTS: import stems of " .. delivery.pair(found))
  local done, problem = pcall(function()
    local position = math.tointeger(tonumber(found.echo.position_samples)) or 0
    for place, stem in ipairs(found.stems) do put(tracks[place]:playlist(), regions[place], stem.label, position) end
  end)
  if not done then
    Session:abort_reversible_command()
    error(problem, 0)
  end
  if not Session:abort_empty_reversible_command() then Session:commit_reversible_command(nil) end
  return files
end

return arrange
