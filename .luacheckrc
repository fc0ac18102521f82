std = "lua54"
max_line_length = 128
files["daw_scripts/reaper"] = { read_globals = { "reaper" }, globals = { "gfx" } }
files["daw_scripts/ardour"] = {
  std = "lua53",
  read_globals = { "ARDOUR", "ArdourUI", "C", "Editing", "Editor", "LuaDialog", "LuaSignal", "PBD", "Session", "Temporal" },
}
files["daw_scripts/ardour/*.lua"] = { globals = { "ardour", "factory", "signals" } }
files["tests/daw"] = {
  std = "lua53",
  read_globals = { "ARDOUR", "Editor", "LuaSignal", "Session", "load_session" },
  globals = { "ardour", "factory", "signals" },
}
files["tests/daw/ardour_driver.lua"] = { globals = { "Editing", "Editor", "LuaDialog", "LuaSignal", "Session", "io", "os" } }
