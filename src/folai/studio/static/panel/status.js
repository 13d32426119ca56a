/** Status lines: clock, frame, region, saving, snapping, layer. */

import { hitLevel } from "../envelope/curve.js";
import { levelText } from "../timeline/level.js";
import { timeText } from "../state/clock.js";
import { clockText } from "../picture/timecode.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @type {Record<import("../net/saving.js").SaveState, string>} */
const SAVING = { saved: "Saved", saving: "Saving…", waiting: "Saving…", failed: "Not saved", reading: "Read only" };

/**
 * Keeps them up to date. @param {Studio} studio @param {import("../picture/transport.js").Transport} transport
 * @param {import("../net/saving.js").Saver} saver @param {import("../timeline/loop.js").DrawLoop} loop
 */
export function watchStatus(studio, transport, saver, loop) {
  studio.on("playhead project clock", () => {
    byId("clock").textContent = timeText(studio, studio.playhead);
    byId("frame-number").textContent = `frame ${transport.frame}`;
  });
  const tellChoice = () => {
    const text = choiceText(studio);
    if (byId("choice-note").textContent !== text) byId("choice-note").textContent = text;
  };
  studio.on("selection draft curve project", () => loop.ask(tellChoice));
  studio.on("tool project", () => {
    byId("snap-mode").textContent = `Snap: ${{ off: "off", frames: "frames", onsets: "onsets" }[studio.snap]}`;
    byId("lanes").dataset.tool = studio.tool;
  });
  studio.on("saved", () => {
    byId("save-state").textContent = SAVING[saver.state];
    byId("save-state").dataset.state = saver.state;
  });
  studio.on("mode", () => document.body.classList.toggle("playing", transport.playing));
  studio.on("announce", (text) => (byId("announcement").textContent = text));
  studio.on("layers heard takes project", () => {
    byId("envelope-head").textContent = studio.layer?.name ?? "Envelope";
    byId("wave-head").textContent = soundShown(studio);
  });
  studio.on("project", () => {
    const { clip, name } = studio.project;
    document.title = `${name} · folai studio`;
    byId("project-name").textContent = name;
    const fps = Number.isInteger(clip.fps) ? clip.fps : clip.fps.toFixed(2);
    byId("clip-facts").textContent = `${clip.width}×${clip.height} · ${fps} fps · ${clockText(clip.duration, 1)}`;
  });
}

/** What the lanes of sound show. @param {Studio} studio */
function soundShown(studio) {
  if (studio.heard === "preview") return "Preview";
  const take = studio.layer && studio.chosenTake(studio.layer);
  return take ? studio.strip(take.id).name : "No take";
}

/** The chosen hit, or else the region, in numbers. @param {Studio} studio */
function choiceText(studio) {
  const { region, hit, curve } = studio;
  if (hit !== null && curve) return `hit ${timeText(studio, hit)} ${levelText(hitLevel(curve, hit))}`;
  return region ? `region ${timeText(studio, region.start)} + ${(region.end - region.start).toFixed(3)} s` : "";
}
