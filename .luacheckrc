std = "lua54"
max_line_length = 128
files["daw_scripts/reaper"] = { read_globals = { "reaper" }, globals = { "gfx" } }
