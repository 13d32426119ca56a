-- JSON, as the studio's interface speaks it: read into tables, strings written.
-- null becomes nil: a name that holds null is not there.

local json = {}

local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}

local function fail(position, what)
  error("JSON: " .. what .. " at byte " .. position, 0)
end

local function skip(text, position)
  return text:match("^[ \t\r\n]*()", position)
end

-- The character of a \u escape whose digits begin at `position`, and where it ends. Characters
-- beyond 16 bits are two such escapes, a surrogate pair.
local function unicode(text, position)
  local code = tonumber(text:match("^%x%x%x%x", position) or fail(position, "bad escape"), 16)
  position = position + 4
  local low = text:match("^\\u([dD][c-fC-F]%x%x)", position)
  if code >= 0xD800 and code < 0xDC00 and low then
    code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
    position = position + 6
  end
  return utf8.char(code), position
end

local function read_string(text, position)
  local parts = {}
  position = position + 1
  while true do
    local plain, stop = text:match('^([^"\\]*)()', position)
    parts[#parts + 1] = plain
    local mark = text:sub(stop, stop)
    if mark == '"' then return table.concat(parts), stop + 1 end
    if mark == "" then fail(stop, "a string without its end") end
    local letter = text:sub(stop + 1, stop + 1)
    if letter == "u" then
      parts[#parts + 1], position = unicode(text, stop + 2)
    else
      parts[#parts + 1] = ESCAPES[letter] or letter
      position = stop + 2
    end
  end
end

local read_value

-- The entries of an object or array: `read` takes one, `close` is the bracket that ends them.
local function read_entries(text, position, close, read)
  position = skip(text, position + 1)
  if text:sub(position, position) == close then return position + 1 end
  while true do
    position = skip(text, read(position))
    local mark = text:sub(position, position)
    if mark == close then return position + 1 end
    if mark ~= "," then fail(position, "expected , or " .. close) end
    position = skip(text, position + 1)
  end
end

local function read_object(text, position)
  local object = {}
  local stop = read_entries(text, position, "}", function(at)
    if text:sub(at, at) ~= '"' then fail(at, "expected a name") end
    local name, after = read_string(text, at)
    after = skip(text, after)
    if text:sub(after, after) ~= ":" then fail(after, "expected :") end
    object[name], after = read_value(text, skip(text, after + 1))
    return after
  end)
  return object, stop
end

local function read_array(text, position)
  local array = {}
  local count = 0
  local stop = read_entries(text, position, "]", function(at)
    count = count + 1
    local after
    array[count], after = read_value(text, at)
    return after
  end)
  return array, stop
end

local WORDS = {["true"] = true, ["false"] = false}

function read_value(text, position)
  local mark = text:sub(position, position)
  if mark == "{" then return read_object(text, position) end
  if mark == "[" then return read_array(text, position) end
  if mark == '"' then return read_string(text, position) end
  local word = text:match("^%a+", position)
  if word == "null" then return nil, position + 4 end
  if WORDS[word] ~= nil then return WORDS[word], position + #word end
  local number = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", position)
  if number == nil then fail(position, "expected a value") end
  return tonumber(number), position + #number
end

-- The value of a JSON text. Raises an error for what is not one.
function json.read(text)
  local value, position = read_value(text, skip(text, 1))
  if skip(text, position) <= #text then fail(position, "something after the end") end
  return value
end

-- A string as JSON.
function json.quoted(text)
  local escaped = text:gsub('[%c"\\]', function(mark)
    return string.format("\\u%04x", mark:byte())
  end)
  return '"' .. escaped .. '"'
end

return json
