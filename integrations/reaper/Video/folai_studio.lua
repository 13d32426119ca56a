-- The studio as the scripts reach it: by curl, which Windows 10, macOS and Linux have.
--
-- Each call first shows the studio its own token, which lies in the folder of projects, and is then
-- let in by the cookie that it gets. Neither is on a command line or in a file of REAPER's.

local studio = {}

local here = ({reaper.get_action_context()})[2]:match("^(.*[/\\])")
local json = dofile(here .. "folai_json.lua")

local SECTION = "folai" -- of REAPER's stored settings
local ADDRESS = "http://127.0.0.1:8765"
local PATIENCE = 300 -- seconds that a call may take: the studio looks at a new clip first

local function is_windows()
  return reaper.GetOS():match("^Win") ~= nil
end

local function stored(name, otherwise)
  local value = reaper.GetExtState(SECTION, name)
  return value ~= "" and value or otherwise
end

local function home()
  return os.getenv("HOME") or os.getenv("USERPROFILE") or "."
end

function studio.settings()
  return {
    address = stored("address", ADDRESS),
    projects = stored("projects", home() .. "/folai-projects"),
  }
end

-- Ask where the studio is. False where the user thinks better of it.
function studio.ask()
  local settings = studio.settings()
  local agreed, values = reaper.GetUserInputs(
    "folai studio", 2,
    "Address,Folder of projects,separator=\n,extrawidth=240",
    settings.address .. "\n" .. settings.projects)
  if not agreed then return false end
  local address, projects = values:match("^%s*(.-)%s*\n%s*(.-)%s*$")
  -- A link as the studio prints it is an address, too.
  reaper.SetExtState(SECTION, "address", address:match("^%a+://[^/?#]+") or address, true)
  reaper.SetExtState(SECTION, "projects", projects, true)
  return true
end

local function quoted(word)
  if word:find('"') then error("folai cannot pass on a name with \" in it: " .. word, 0) end
  return '"' .. word .. '"'
end

local function read_file(path)
  local file = io.open(path, "rb")
  if file == nil then return "" end
  local content = file:read("a")
  file:close()
  return content
end

local function write_file(path, content)
  local file, reason = io.open(path, "wb")
  if file == nil then error(reason, 0) end
  file:write(content)
  file:close()
end

local function temporary(name)
  return reaper.GetResourcePath() .. "/folai-" .. name
end

-- Run curl. Returns the status of the reply, or nil and why there is none.
local function curl(words)
  local line = {}
  for _, word in ipairs(words) do line[#line + 1] = quoted(word) end
  local said = reaper.ExecProcess(table.concat(line, " "), (PATIENCE + 10) * 1000)
  if said == nil then return nil, "curl cannot be started; install it" end
  local code, output = said:match("^(%-?%d+)\n(.*)$")
  local status = tonumber((output or ""):match("(%d%d%d)%s*$"))
  if code ~= "0" or status == nil then
    return nil, ((output or said):gsub("^%s*000%s*", ""):gsub("%s*000%s*$", ""))
  end
  return status
end

local function command(settings, method, path, body, reply)
  local program = is_windows() and "curl.exe" or "curl"
  local nowhere = is_windows() and "NUL" or "/dev/null"
  local words = {
    program, "--silent", "--show-error", "--max-time", "20", "--cookie", "", "--get",
    "--data-urlencode", "token@" .. settings.projects .. "/.token",
    "--output", nowhere, settings.address .. "/",
    "--next", "--silent", "--show-error", "--max-time", tostring(PATIENCE), "--cookie", "",
    "--request", method, "--output", reply, "--write-out", "%{http_code}",
  }
  if body ~= nil then
    for _, word in ipairs({"--header", "Content-Type: application/json", "--data-binary",
                           "@" .. body}) do
      words[#words + 1] = word
    end
  end
  words[#words + 1] = settings.address .. path
  return words
end

local function explain(settings, reason)
  return "There is no answer from the studio at " .. settings.address .. ".\n\n" ..
    "Start it in a terminal (folai studio), then run this action again. If it listens elsewhere, " ..
    "or its projects lie elsewhere, say so in the next window.\n\n" .. (reason or "")
end

-- One call; `reply` is the file that gets what the studio sends. Raises an error, one text for the
-- user, where the studio is not there or refuses.
local function call(method, path, content, reply)
  local settings = studio.settings()
  local body = content ~= nil and temporary("request.json") or nil
  if body ~= nil then write_file(body, content) end
  local status, reason = curl(command(settings, method, path, body, reply))
  if body ~= nil then os.remove(body) end
  if status == nil then error({unreachable = true, text = explain(settings, reason)}, 0) end
  if status == 401 or status == 403 then
    error({unreachable = true, text = "The studio at " .. settings.address ..
      " does not accept the token in " .. settings.projects .. ".\n\nName the folder of projects " ..
      "of that studio in the next window, then run this action again."}, 0)
  end
  return status
end

local function refusal(content, status)
  local known, reply = pcall(json.read, content)
  return known and type(reply) == "table" and reply.error or ("The studio answered " .. status)
end

-- The studio's reply to a call, as a table. `values` are the strings of a JSON object to send.
function studio.call(method, path, values)
  local content
  if values ~= nil then
    local parts = {}
    for name, value in pairs(values) do
      parts[#parts + 1] = json.quoted(name) .. ":" .. json.quoted(value)
    end
    content = "{" .. table.concat(parts, ",") .. "}"
  end
  local reply = temporary("reply.json")
  local status = call(method, path, content, reply)
  local text = read_file(reply)
  os.remove(reply)
  if status >= 300 then error(refusal(text, status), 0) end
  return json.read(text)
end

-- Save what the studio has at `path` as a file, whole or not at all.
function studio.download(path, target)
  local partial = target .. ".part"
  local status = call("GET", path, nil, partial)
  if status >= 300 then
    local reason = refusal(read_file(partial), status)
    os.remove(partial)
    error(reason, 0)
  end
  local renamed, reason = os.rename(partial, target)
  if not renamed then error(reason, 0) end
end

-- Run an action: what goes wrong is said in a window, and the project stays as it was.
function studio.run(action)
  local done, problem = pcall(action)
  if done then return end
  local unreachable = type(problem) == "table" and problem.unreachable
  reaper.MB(unreachable and problem.text or tostring(problem), "folai", 0)
  if unreachable then studio.ask() end
end

return studio
