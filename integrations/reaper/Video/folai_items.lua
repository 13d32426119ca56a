-- Items of REAPER's project: the video that was sent, and the takes that come back beside it.

local items = {}

local NEVER = 1e-9 -- seconds: rates and times closer than this are the same

-- What an item, track or take is to folai, kept in the project file.
local function note(read_or_write, thing, name, value)
  local _, held = read_or_write(thing, "P_EXT:folai_" .. name, value or "", value ~= nil)
  return held
end

function items.remember(item, name, value)
  note(reaper.GetSetMediaItemInfo_String, item, name, value)
end

function items.recall(item, name)
  return note(reaper.GetSetMediaItemInfo_String, item, name)
end

function items.selected()
  local found = {}
  for index = 0, reaper.CountSelectedMediaItems(0) - 1 do
    found[#found + 1] = reaper.GetSelectedMediaItem(0, index)
  end
  return found
end

-- (source of a file, seconds of it that lie before the take's source). A section of a file is a
-- source of its own, which begins later.
local function whole_source(take)
  local source, before = reaper.GetMediaItemTake_Source(take), 0
  while reaper.GetMediaSourceType(source, "") == "SECTION" do
    local _, offset, _, reversed = reaper.PCM_Source_GetSectionInfo(source)
    if reversed then error("The item plays backwards: folai follows a clip forwards only.", 0) end
    source, before = reaper.GetMediaSourceParent(source), before + offset
  end
  return source, before
end

local function active_take(item)
  local take = reaper.GetActiveTake(item)
  if take == nil or reaper.TakeIsMIDI(take) then error("The selected item holds no video.", 0) end
  return take
end

-- The path of a video item's clip.
function items.file(item)
  local path = reaper.GetMediaSourceFileName((whole_source(active_take(item))), "")
  if path == "" then error("The selected item holds no file.", 0) end
  return path
end

-- Where a clip lies on the timeline: a take with these values runs along with it.
local function place_of(video)
  local take = active_take(video)
  local _, before = whole_source(take)
  return {
    position = reaper.GetMediaItemInfo_Value(video, "D_POSITION"),
    length = reaper.GetMediaItemInfo_Value(video, "D_LENGTH"),
    offset = reaper.GetMediaItemTakeInfo_Value(take, "D_STARTOFFS") + before,
    rate = reaper.GetMediaItemTakeInfo_Value(take, "D_PLAYRATE"),
    pitch = reaper.GetMediaItemTakeInfo_Value(take, "B_PPITCH"),
  }
end

-- The track of a layer, or a new one below `after`; and whether it is new.
function items.track_of(key, name, after)
  for index = 0, reaper.CountTracks(0) - 1 do
    local track = reaper.GetTrack(0, index)
    if note(reaper.GetSetMediaTrackInfo_String, track, "layer") == key then return track, false end
  end
  local index = math.tointeger(reaper.GetMediaTrackInfo_Value(after, "IP_TRACKNUMBER") // 1)
  reaper.InsertTrackAtIndex(index, true)
  local track = reaper.GetTrack(0, index)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", name, true)
  note(reaper.GetSetMediaTrackInfo_String, track, "layer", key)
  return track, true
end

local function guid(item)
  local _, value = reaper.GetSetMediaItemInfo_String(item, "GUID", "", false)
  return value
end

-- The item on a track that belongs to a video item, or a new one; at the video's place either way.
function items.beside(video, track)
  local item
  for index = 0, reaper.CountTrackMediaItems(track) - 1 do
    local candidate = reaper.GetTrackMediaItem(track, index)
    if items.recall(candidate, "video") == guid(video) then item = candidate end
  end
  if item == nil then
    item = reaper.AddMediaItemToTrack(track)
    items.remember(item, "video", guid(video))
    reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  end
  local place = place_of(video)
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", place.position)
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", place.length)
  for index = 0, reaper.CountTakes(item) - 1 do
    items.place(reaper.GetTake(item, index), place)
  end
  return item, place
end

function items.place(take, place)
  reaper.SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", place.offset)
  if math.abs(place.rate - 1) > NEVER then
    reaper.SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", place.rate)
    reaper.SetMediaItemTakeInfo_Value(take, "B_PPITCH", place.pitch)
  end
end

-- The take of an item that holds a take of the studio's, if there is one.
function items.find_take(item, id)
  for index = 0, reaper.CountTakes(item) - 1 do
    local take = reaper.GetTake(item, index)
    if note(reaper.GetSetMediaItemTakeInfo_String, take, "take") == id then return take end
  end
end

function items.add_take(item, file, id, name, gain)
  local take = reaper.AddTakeToMediaItem(item)
  reaper.SetMediaItemTake_Source(take, reaper.PCM_Source_CreateFromFile(file))
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", name, true)
  reaper.SetMediaItemTakeInfo_Value(take, "D_VOL", gain)
  note(reaper.GetSetMediaItemTakeInfo_String, take, "take", id)
  return take
end

return items
