/** Commands that edit the envelope at the playhead, the chosen hit or the region. */

import { hitLevel, levelAt } from "../envelope/curve.js";
import { fromDb } from "../envelope/arithmetic.js";
import { hitText } from "../envelope/hit_settings.js";
import { addHit, moveHit, removeHit } from "../envelope/hits.js";
import {
  copyRegion,
  muteRegion,
  nudgeLevel,
  pasteClip,
  restoreRegion,
  scaleRegion,
  shiftAll,
  shiftRegion,
  smoothRegion,
  snapHits,
} from "../envelope/regions.js";
import { SNAP_MODES } from "../envelope/snap.js";
import { chooseHit, snapped } from "../timeline/gestures.js";
import { levelText } from "../timeline/level.js";
import { timeText } from "../state/clock.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("./keys.js").Command} Command */

const STEP_DB = 1; // decibels a key press changes
const NUDGE = 0.02; // seconds around the playhead that are lifted where nothing is selected

/** @param {Studio} studio @param {import("../picture/transport.js").Transport} transport @returns {Command[]} */
export function editingCommands(studio, transport) {
  const group = "Envelope";
  const has = () => Boolean(studio.curve) && !studio.readOnly;
  const marked = () => has() && studio.region !== null;
  const something = () => has() && (studio.region !== null || studio.hit !== null);
  /** @type {Omit<Command, "group">[]} */
  const commands = [
    { id: "undo", title: "Undo", keys: ["Ctrl+Z"], hold: true, run: () => studio.undo(), enabled: () => Boolean(studio.history.undoLabel) },
    { id: "redo", title: "Redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], hold: true, run: () => studio.redo(), enabled: () => Boolean(studio.history.redoLabel) },
    { id: "add-hit", title: "Add a hit at the playhead", keys: ["H"], run: () => addHere(studio), enabled: has },
    { id: "delete", title: "Delete the selected hit, or mute the region", keys: ["Delete", "Backspace"], run: () => remove(studio), enabled: something },
    { id: "previous-hit", title: "Go to the previous hit", keys: ["["], hold: true, run: () => toHit(studio, transport, -1) },
    { id: "next-hit", title: "Go to the next hit", keys: ["]"], hold: true, run: () => toHit(studio, transport, 1) },
    { id: "earlier", title: "Move the hit or region one frame earlier", keys: ["Alt+←"], hold: true, run: () => shift(studio, -1), enabled: something },
    { id: "later", title: "Move the hit or region one frame later", keys: ["Alt+→"], hold: true, run: () => shift(studio, 1), enabled: something },
    { id: "earlier-ms", title: "Move the hit or region 1 ms earlier", keys: ["Alt+Shift+←"], hold: true, run: () => shift(studio, -1, 0.001), enabled: something },
    { id: "later-ms", title: "Move the hit or region 1 ms later", keys: ["Alt+Shift+→"], hold: true, run: () => shift(studio, 1, 0.001), enabled: something },
    { id: "all-earlier", title: "Move all one frame earlier", keys: ["Ctrl+Alt+←"], hold: true, run: () => moveAll(studio, -1), enabled: has },
    { id: "all-later", title: "Move all one frame later", keys: ["Ctrl+Alt+→"], hold: true, run: () => moveAll(studio, 1), enabled: has },
    { id: "louder", title: "Raise the hit, the region or the curve at the playhead by 1 dB", keys: ["Alt+↑"], hold: true, run: () => scale(studio, STEP_DB), enabled: has },
    { id: "softer", title: "Lower the hit, the region or the curve at the playhead by 1 dB", keys: ["Alt+↓"], hold: true, run: () => scale(studio, -STEP_DB), enabled: has },
    { id: "smooth", title: "Smooth the region", keys: ["S"], run: () => onRegion(studio, "smooth", smoothRegion), enabled: marked },
    { id: "mute", title: "Mute the region", keys: ["M"], run: () => onRegion(studio, "mute", muteRegion), enabled: marked },
    { id: "ghost", title: "Reset to the prediction, in the region or everywhere", keys: ["G"], run: () => toGhost(studio, studio.region), enabled: () => has() && studio.ghost !== null },
    { id: "snap-hits", title: "Snap the hits in the region", keys: ["Shift+N"], run: () => snapAll(studio), enabled: () => marked() && studio.snap !== "off" },
    { id: "copy", title: "Copy the region", keys: ["Ctrl+C"], run: () => copy(studio), enabled: () => studio.region !== null && Boolean(studio.curve) },
    { id: "cut", title: "Cut the region", keys: ["Ctrl+X"], run: () => cut(studio), enabled: marked },
    { id: "paste", title: "Paste at the playhead", keys: ["Ctrl+V"], run: () => paste(studio), enabled: () => has() && studio.clipboard !== null },
    { id: "snap-mode", title: "Snap to frames, to predicted onsets, or not at all", keys: ["N"], run: () => nextSnap(studio) },
    ...["select", "draw", "hit"].map((tool, n) => ({
      id: `tool-${tool}`,
      title: ["Select: drag hits, set regions", "Draw the curve", "Add hits by clicking"][n],
      keys: [["V"], ["D"], ["B"]][n],
      pressed: () => studio.tool === tool,
      run: () => {
        studio.tool = /** @type {"select" | "draw" | "hit"} */ (tool);
        studio.emit("tool");
      },
    })),
  ];
  // A drag in progress is cancelled first, so that an edit starts from a settled state.
  const run = (/** @type {() => void} */ act) => () => (studio.cancelDraft(), act());
  return commands.map((command) => ({ ...command, group, run: run(command.run) }));
}

/** @param {Studio} studio @param {string} label @param {(curve: import("../envelope/curve.js").Curve, region: import("../envelope/curve.js").Region) => import("../envelope/curve.js").Change} edit */
function onRegion(studio, label, edit) {
  const { curve, region } = studio;
  if (curve && region) studio.edit((own) => edit(own, region), `${label} region`);
}

/** @param {Studio} studio */
function addHere(studio) {
  const { curve, playhead, ghost } = studio;
  if (!curve) return;
  const time = snapped(studio, playhead);
  const level = Math.max(ghost ? levelAt(ghost.curve, time) : 0, levelAt(curve, time), 0.4);
  studio.edit((own) => addHit(own, time, level), "add hit");
  chooseHit(studio, time);
  tellHit(studio);
}

/** @param {Studio} studio */
function remove(studio) {
  const { curve } = studio;
  const index = studio.hitIndex;
  if (!curve) return;
  if (index >= 0) {
    studio.edit((own) => removeHit(own, index), "delete hit");
    studio.select(studio.region, null);
  } else onRegion(studio, "mute", muteRegion);
}

/** @param {Studio} studio @param {import("../picture/transport.js").Transport} transport @param {1 | -1} way */
function toHit(studio, transport, way) {
  const onsets = studio.curve?.onsets;
  if (!onsets?.length) return studio.announce("No hits");
  const from = studio.hit ?? studio.playhead;
  const found = way === 1 ? onsets.find((time) => time > from + 1e-6) : onsets.findLast((time) => time < from - 1e-6);
  if (found === undefined) return studio.announce(way === 1 ? "No later hit" : "No earlier hit");
  transport.seek(found);
  studio.select(studio.region, found);
  tellHit(studio);
}

/** @param {Studio} studio */
function tellHit(studio) {
  const { curve } = studio;
  const index = studio.hitIndex;
  if (!curve || index < 0) return;
  const time = curve.onsets[index];
  const place = `${index + 1} of ${curve.onsets.length}`;
  const facts = [levelText(hitLevel(curve, time)), hitText(curve.hits?.get(time))].filter(Boolean).join(", ");
  studio.announce(`Hit ${place} at ${timeText(studio, time)}, ${facts}`);
}

/** @param {Studio} studio @param {1 | -1} way @param {number} [seconds] default: one frame */
function shift(studio, way, seconds = 1 / studio.project.clip.fps) {
  const { curve, region } = studio;
  const index = studio.hitIndex;
  if (!curve) return;
  if (index >= 0) {
    const to = Math.min(Math.max(curve.onsets[index] + way * seconds, 0), studio.duration);
    studio.edit((own) => moveHit(own, index, to), "move hit");
    chooseHit(studio, to);
    tellHit(studio);
  } else if (region) {
    const by = way * seconds;
    studio.edit((own) => shiftRegion(own, region, by), "move region");
    studio.select({ start: region.start + by, end: region.end + by });
  }
}

/** @param {Studio} studio @param {number} frames */
function moveAll(studio, frames) {
  const seconds = frames / studio.project.clip.fps;
  studio.edit((own) => shiftAll(own, seconds), "move all");
  studio.announce(`All moved by ${frames} frame`);
}

/** @param {Studio} studio @param {number} db */
function scale(studio, db) {
  const { curve, region, playhead } = studio;
  const index = studio.hitIndex;
  if (!curve) return;
  if (index >= 0) {
    studio.edit((own) => moveHit(own, index, curve.onsets[index], fromDb(db)), "level of a hit");
    tellHit(studio);
  } else if (region) studio.edit((own) => scaleRegion(own, region, db), "level of a region");
  else {
    const around = { start: playhead - NUDGE, end: playhead + NUDGE };
    studio.edit((own) => nudgeLevel(own, around, db), "draw with keys");
    studio.announce(levelText(levelAt(curve, playhead)));
  }
}

/** @param {Studio} studio @param {import("../envelope/curve.js").Region | null} region null: everywhere */
export function toGhost(studio, region) {
  const { curve, ghost, duration } = studio;
  if (!curve || !ghost) return;
  studio.edit((own) => restoreRegion(own, ghost.curve, region ?? { start: 0, end: duration }), "back to the prediction");
}

/** @param {Studio} studio */
function snapAll(studio) {
  const grid = studio.snap === "frames" ? studio.frames : (studio.ghost?.curve.onsets ?? []);
  onRegion(studio, "snap hits of", (curve, region) => snapHits(curve, region, grid));
}

/** @param {Studio} studio */
function copy(studio) {
  const { curve, region } = studio;
  if (!curve || !region) return;
  studio.clipboard = copyRegion(curve, region);
  studio.emit("selection");
  studio.announce(`Copied ${studio.clipboard.duration.toFixed(3)} s`);
}

/** @param {Studio} studio */
function cut(studio) {
  copy(studio);
  onRegion(studio, "cut", muteRegion);
}

/** @param {Studio} studio */
function paste(studio) {
  const { curve, clipboard, playhead } = studio;
  if (!curve || !clipboard) return;
  const time = snapped(studio, playhead);
  studio.edit((own) => pasteClip(own, clipboard, time), "paste");
  studio.select({ start: time, end: time + clipboard.duration });
}

/** @param {Studio} studio */
function nextSnap(studio) {
  studio.snap = SNAP_MODES[(SNAP_MODES.indexOf(studio.snap) + 1) % SNAP_MODES.length];
  studio.emit("tool");
  studio.announce(`Snap: ${studio.snap}`);
}
