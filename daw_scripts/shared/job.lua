-- Job files and cancel files: what is said to the daemon. Each comes into the inbox whole, by a rename.

local need = ...
local json = need("json")

local job = {}

--- A new id, if the host has none: the time, and what differs from process to process and from call to call.
function job.id()
  local seed = os.time() * 1000003 + math.floor(os.clock() * 1e6)
  local hash = 5381
  for character in (tostring({}) .. tostring(job) .. seed):gmatch(".") do
    hash = (hash * 33 + character:byte()) & 0xffffffffffff
  end
  return ("%08x-%012x"):format(os.time() & 0xffffffff, hash)
end

--- An id of a GUID as hosts write it: without braces.
function job.id_of(guid)
  return (guid:gsub("[^%w_-]", ""))
end

--- The text of a job file.
-- clips: list of {path, offset_samples, length_samples, name, rendered}; what is nil is left out
-- settings: as in docs/settings.md, beside the preset; echo: what the daemon gives back
function job.text(clips, preset, settings, echo)
  return json.text({
    format = "lts-batch/job",
    version = 1,
    clips = json.list(clips),
    preset = preset ~= "" and preset or nil,
    settings = next(settings) and settings or nil,
    echo = next(echo) and echo or nil,
  }) .. "\n"
end

local function put(root, name, text)
  local folder = root .. "/inbox/"
  local temporary = folder .. "." .. name
  local file, why = io.open(temporary, "wb")
  if not file then
    return nil, ("%s cannot be written (%s): is the watched folder there, and may you write to it?"):format(folder, why)
  end
  local written, problem = file:write(text)
  local closed, late = file:close()
  if written and closed then
    local renamed, last = os.rename(temporary, folder .. name)
    if renamed then return true end
    late = last
  end
  os.remove(temporary)
  return nil, ("%s cannot be written to (%s): is the disk full?"):format(folder, problem or late)
end

--- Hand a job to the daemon. True, or nil and a sentence.
function job.send(root, id, text)
  return put(root, id .. ".job.json", text)
end

--- Take it back. True, or nil and a sentence.
function job.cancel(root, id)
  return put(root, id .. ".cancel", json.text({ format = "lts-batch/cancel", version = 1 }) .. "\n")
end

return job
