-- A small window that shows how far jobs are, with a button to cancel. It never holds REAPER up.

local window = {}

local WIDTH, ROW, EDGE = 420, 44, 10
local ESCAPE, CLOSED = 27, -1

local open, was_down = false, false

local function colour(red, green, blue) gfx.set(red / 255, green / 255, blue / 255, 1) end

-- A text that fits: the end of it left out where there is no room.
local function shortened(text, width)
  while gfx.measurestr(text) > width and #text > 1 do
    text = text:sub(1, (utf8.offset(text, -2) or 2) - 1) .. "…"
  end
  return text
end

local function button(x, y, text)
  local width = gfx.measurestr(text) + 12
  local over = gfx.mouse_x >= x and gfx.mouse_x < x + width and gfx.mouse_y >= y and gfx.mouse_y < y + 18
  colour(over and 90 or 66, over and 90 or 66, over and 96 or 72)
  gfx.rect(x, y, width, 18, 1)
  colour(230, 230, 230)
  gfx.x, gfx.y = x + 6, y + 2
  gfx.drawstr(text)
  return over and gfx.mouse_cap & 1 == 1 and not was_down
end

--- Draw rows {title, message, fraction}. Gives the number of the row that is to be cancelled, or "closed", or nil.
function window.show(title, rows)
  if not open then
    gfx.init(title, WIDTH, EDGE + ROW * math.max(1, #rows))
    gfx.setfont(1, "Arial", 13)
    open = true
  end
  local key = gfx.getchar()
  if key == CLOSED or key == ESCAPE then
    window.close()
    return "closed"
  end
  colour(40, 40, 44)
  gfx.rect(0, 0, math.max(WIDTH, gfx.w), math.max(ROW, gfx.h), 1)
  local chosen
  local width = gfx.w - 2 * EDGE
  for number, row in ipairs(rows) do
    local y = EDGE + (number - 1) * ROW
    colour(70, 70, 76)
    gfx.rect(EDGE, y + 20, width, 4, 1)
    colour(51, 136, 221)
    gfx.rect(EDGE, y + 20, width * row.fraction, 4, 1)
    colour(230, 230, 230)
    gfx.x, gfx.y = EDGE, y
    gfx.drawstr(shortened(row.title .. ": " .. row.message, width - 70))
    if button(EDGE + width - 56, y - 2, "Cancel") then chosen = number end
  end
  was_down = gfx.mouse_cap & 1 == 1
  gfx.update()
  return chosen
end

function window.close()
  if open then gfx.quit() end
  open, was_down = false, false
end

return window
