-- The jobs of a session, in a file in its folder, so that closing and opening it loses none:
--   job <id> <state> <root> <name of the pair> <snapshot>     state: waiting, importing, imported, kept, failed,
--                                                               cancelled
--   source <id> <file's name>                                 audio files of the session that came from the job

local need = ...
local kept = need("kept")

local pending = {}

local KIND, MARK = "session", "lts_batch "

local function path()
  return ARDOUR.LuaAPI.build_filename(Session:path(), "lts_batch.tsv")
end

local function jobs(state)
  local found = {}
  for _, row in ipairs(kept.read(path(), KIND)) do
    if row[1] == "job" and row[3] == state then
      found[#found + 1] = { id = row[2], root = row[4], pair = row[5], snapshot = row[6] }
    end
  end
  return found
end

--- All that are waited for.
function pending.all()
  return jobs("waiting")
end

--- From now on it is waited for.
function pending.add(id, root, pair)
  local rows = kept.read(path(), KIND)
  rows[#rows + 1] = { "job", id, "waiting", root, pair, Session:snap_name() }
  kept.write(path(), KIND, rows)
end

--- What has become of it, and the files that came of it, if any.
function pending.set(id, state, files)
  local rows = kept.read(path(), KIND)
  for _, row in ipairs(rows) do
    if row[1] == "job" and row[2] == id then row[3], row[6] = state, Session:snap_name() end
  end
  for _, file in ipairs(files or {}) do rows[#rows + 1] = { "source", id, file } end
  kept.write(path(), KIND, rows)
end

--- What it is now; nil if nobody knows of it.
function pending.state(id)
  for _, row in ipairs(kept.read(path(), KIND)) do
    if row[1] == "job" and row[2] == id then return row[3] end
  end
  return nil
end

-- The names of all files that regions of the session play.
local function files_of_the_session()
  local found = {}
  for _, region in ARDOUR.RegionFactory.regions():iter() do
    local name = pending.file_of(region)
    if name then found[name] = true end
  end
  return found
end

--- The name of the file that a region plays; nil if it plays none.
function pending.file_of(region)
  if region:to_audioregion():isnil() then return nil end
  local source = region:source(0):to_filesource()
  return not source:isnil() and source:path():match("[^/\\]*$") or nil
end

--- The id and root of the job that a region came from; nil where it came from none.
function pending.job_of(region)
  local file, id = pending.file_of(region), nil
  local rows = kept.read(path(), KIND)
  for _, row in ipairs(rows) do
    if row[1] == "source" and row[3] == file then id = row[2] end
  end
  for _, row in ipairs(rows) do
    if id and row[1] == "job" and row[2] == id then return id, row[4] end
  end
  return nil
end

--- What a track is marked with that came from a job: its comment, so that it is saved and forgotten with the track.
function pending.mark(id)
  return MARK .. id
end

--- Whether tracks of a job are in the session.
function pending.is_there(id)
  for route in Session:get_tracks():iter() do
    if route:comment() == pending.mark(id) then return true end
  end
  return false
end

--- To be called when a session has been opened. What had not been imported to its end, or was imported and then closed
-- without saving, is waited for again. What is there now is kept: whatever the user removes of it later stays away.
function pending.reopen()
  local unsure = jobs("importing")
  for _, one in ipairs(jobs("imported")) do
    if one.snapshot == Session:snap_name() then unsure[#unsure + 1] = one end
  end
  if #unsure == 0 then return end
  local known, rows = files_of_the_session(), kept.read(path(), KIND)
  for _, one in ipairs(unsure) do
    local there = pending.is_there(one.id)
    for _, row in ipairs(rows) do
      if row[1] == "source" and row[2] == one.id and known[row[3]] then there = true end
    end
    pending.set(one.id, there and "kept" or "waiting")
  end
end

return pending
