-- Words for the user, in a box.

local say = {}

--- Say a sentence.
function say.sentence(text)
  LuaDialog.Message("LTS", text, LuaDialog.MessageType.Info, LuaDialog.ButtonType.Close):run()
end

--- Ask a question; whether the answer was yes.
function say.question(text)
  local answer = LuaDialog.Message("LTS", text, LuaDialog.MessageType.Question, LuaDialog.ButtonType.Yes_No):run()
  return answer == LuaDialog.Response.Yes
end

return say
