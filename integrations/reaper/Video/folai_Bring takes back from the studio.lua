-- Lays the takes of the studio below the video items that were sent there: a track a layer, an item
-- at the video's place, its takes in the item. Run again, it adds what is new and leaves the rest,
-- with what was changed here, as it is. Packaged with "Send selected video item to the studio".

local here = ({reaper.get_action_context()})[2]:match("^(.*[/\\])")
local studio = dofile(here .. "folai_studio.lua")
local items = dofile(here .. "folai_items.lua")

local function gain_of(decibels)
  return 10 ^ ((decibels or 0) / 20)
end

-- A name as every file system takes it.
local function plain(name)
  return (name:gsub('[%c<>:"/\\|?*]', "_"):gsub("^[%s.]+", ""):gsub("[%s.]+$", ""):sub(1, 60))
end

-- A layer's takes, each with its strip of the mixer, and the one that is heard: the take on solo,
-- else the chosen one, else the latest.
local function takes_of(project, layer)
  local takes, solo, chosen = {}, nil, nil
  for _, take in ipairs(project.takes) do
    if take.layer == layer.id then
      local strip = project.edit.mix[take.id] or {}
      takes[#takes + 1] = {id = take.id, name = strip.name or take.name, strip = strip}
      if strip.solo and solo == nil then solo = take.id end
      if take.id == layer.take then chosen = take.id end
    end
  end
  return takes, solo or chosen or (#takes > 0 and takes[#takes].id or nil)
end

local function any_solo(layers)
  for _, layer in ipairs(layers) do
    if layer.solo then return true end
  end
  return false
end

-- What is to be laid down, with all files downloaded: REAPER's project is not touched before.
local function fetch(video, folder)
  local project = studio.call("GET", "/api/projects/" .. items.recall(video, "project"))
  local layers = {}
  for _, layer in ipairs(project.edit.layers) do
    local takes, heard = takes_of(project, layer)
    for _, take in ipairs(takes) do
      take.file = folder .. "/" .. plain(project.name .. " " .. layer.name .. " " .. take.name) ..
        " " .. take.id .. ".wav"
      if not reaper.file_exists(take.file) then
        studio.download("/api/projects/" .. project.id .. "/takes/" .. take.id .. "/audio",
                        take.file)
      end
    end
    if #takes > 0 then
      layers[#layers + 1] = {
        key = project.id .. ":" .. layer.id, name = layer.name, takes = takes, heard = heard,
        gain = gain_of(layer.gain_db),
        mute = layer.mute or (any_solo(project.edit.layers) and not layer.solo),
      }
    end
  end
  return layers
end

local function lay_down(video, layers)
  local below = reaper.GetMediaItem_Track(video)
  for _, layer in ipairs(layers) do
    local track, is_new = items.track_of(layer.key, layer.name, below)
    if is_new then
      reaper.SetMediaTrackInfo_Value(track, "D_VOL", layer.gain)
      reaper.SetMediaTrackInfo_Value(track, "B_MUTE", layer.mute and 1 or 0)
    end
    local item, place = items.beside(video, track)
    for _, take in ipairs(layer.takes) do
      if items.find_take(item, take.id) == nil then
        local added = items.add_take(item, take.file, take.id, take.name,
                                     gain_of(take.strip.gain_db))
        items.place(added, place)
        if take.id == layer.heard then reaper.SetActiveTake(added) end
      end
    end
    below = track
  end
end

studio.run(function()
  local folder = reaper.GetProjectPath() .. "/folai"
  reaper.RecursiveCreateDirectory(folder, 0)
  local found, sent = {}, 0
  for _, video in ipairs(items.selected()) do
    if items.recall(video, "project") ~= "" then
      sent = sent + 1
      local layers = fetch(video, folder)
      if #layers > 0 then found[#found + 1] = {video = video, layers = layers} end
    end
  end
  if sent == 0 then error("Select a video item that was sent to the studio first.", 0) end
  if #found == 0 then
    error("The studio has no takes of this clip yet: generate some there, then run this again.", 0)
  end
  reaper.Undo_BeginBlock()
  reaper.PreventUIRefresh(1)
  for _, entry in ipairs(found) do lay_down(entry.video, entry.layers) end
  reaper.PreventUIRefresh(-1)
  reaper.Undo_EndBlock("Bring takes back from the folai studio", -1)
  reaper.Main_OnCommand(40047, 0) -- Peaks: Build any missing peaks
  reaper.UpdateArrange()
end)
