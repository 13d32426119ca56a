--[[
@description folai: sound for a silent video item, by the folai studio
@author folai contributors
@version 0.2.0
@changelog
  First version.
@provides
  [main] .
  [main] folai_Bring takes back from the studio.lua
  [nomain] folai_studio.lua
  [nomain] folai_items.lua
  [nomain] folai_json.lua
@about
  # folai

  Two actions. "Send selected video item to the studio" opens the item's clip in a folai studio
  that runs on this machine (`folai studio`). "Bring takes back from the studio" lays what was made
  there below the video: a track a layer, named as the layer is, with its takes in one item.
]]

local here = ({reaper.get_action_context()})[2]:match("^(.*[/\\])")
local studio = dofile(here .. "folai_studio.lua")
local items = dofile(here .. "folai_items.lua")

-- Show the project in the browser, where an extension can open one.
local function show(project)
  local link = studio.settings().address .. "/#" .. project.id
  if reaper.CF_ShellExecute then reaper.CF_ShellExecute(link) end
end

studio.run(function()
  local videos = items.selected()
  if #videos == 0 then error("Select a video item first.", 0) end
  local project
  for _, video in ipairs(videos) do
    project = studio.call("POST", "/api/projects/open", {path = items.file(video)})
    items.remember(video, "project", project.id)
  end
  show(project)
end)
