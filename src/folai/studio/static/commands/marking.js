/** Commands of markers and of the clock: comments at times, and jumps between them and the cuts. */

import { getJson } from "../net/api.js";
import { ask } from "../panel/ask.js";
import { setStart, timeOf, timeText, turnClock } from "../state/clock.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

/**
 * @param {Studio} studio @param {import("../picture/transport.js").Transport} transport
 * @param {import("../panel/messages.js").Messages} messages @returns {import("./keys.js").Command[]}
 */
export function markingCommands(studio, transport, messages) {
  const group = "Markers and clock";
  const can = () => studio.project !== null && !studio.readOnly;
  const open = () => studio.project !== null;
  const jump = (/** @type {number[]} */ times, /** @type {1 | -1} */ way, /** @type {string} */ what) => {
    const from = studio.playhead;
    const to = way === 1 ? times.find((time) => time > from + 0.002) : times.findLast((time) => time < from - 0.002);
    if (to === undefined) return studio.announce(`No ${way === 1 ? "later" : "earlier"} ${what}`);
    transport.seek(to);
    const marker = studio.markers.find(({ time }) => time === to);
    studio.announce(marker?.text || timeText(studio, to));
  };
  const markers = () => studio.markers.map(({ time }) => time);
  const cuts = async (/** @type {1 | -1} */ way) => jump(await cutsOf(studio).catch(() => []), way, "cut");
  const start = async () => {
    const value = studio.timecode ?? studio.project.clip.timecode ?? "00:00:00:00";
    const text = await ask("Timecode of the first frame. Empty: the clip's own.", { field: "HH:MM:SS:FF", value, empty: true });
    if (text === null) return;
    try {
      messages.clear("clock");
      setStart(studio, text || null);
    } catch (error) {
      messages.fail(error, "clock");
    }
  };
  const goTo = async () => {
    const text = await ask("Go to a timecode", { field: "HH:MM:SS:FF", value: timeText(studio, studio.playhead) });
    const time = text && timeOf(studio, text);
    if (typeof time === "number") transport.seek(time);
    else if (text) messages.show("clock", `${text} is not within the clip.`, { tone: "plain" });
  };
  return [
    { id: "add-marker", title: "Set a marker with a comment, or change the one here", keys: ["Shift+K"], group, run: () => comment(studio), enabled: can },
    { id: "remove-marker", title: "Remove the marker here", keys: ["Alt+Backspace"], group, run: () => unmark(studio), enabled: () => can() && markerHere(studio) !== undefined },
    { id: "previous-marker", title: "Previous marker", keys: ["{"], group, run: () => jump(markers(), -1, "marker"), enabled: open },
    { id: "next-marker", title: "Next marker", keys: ["}"], group, run: () => jump(markers(), 1, "marker"), enabled: open },
    { id: "previous-cut", title: "Previous cut", keys: ["Ctrl+["], group, run: () => cuts(-1), enabled: open },
    { id: "next-cut", title: "Next cut", keys: ["Ctrl+]"], group, run: () => cuts(1), enabled: open },
    { id: "clock", title: "Timecode, seconds, or feet and frames", keys: ["Shift+V"], group, run: () => turnClock(studio) },
    { id: "start-timecode", title: "Set the timecode of the first frame", keys: ["Alt+F"], group, run: start, enabled: can },
    { id: "go-to", title: "Go to a timecode", keys: ["Ctrl+G"], group, run: goTo, enabled: open },
  ];
}

/** @param {Studio} studio */
function markerHere(studio) {
  return studio.markers.find(({ time }) => Math.abs(time - studio.playhead) < 0.002);
}

/** @param {Studio} studio */
async function comment(studio) {
  const { playhead } = studio;
  const here = markerHere(studio);
  const text = await ask(`Marker at ${timeText(studio, playhead)}`, { field: "Comment", value: here?.text ?? "", empty: true });
  if (text === null) return;
  const others = studio.markers.filter((marker) => marker !== here);
  studio.markers = [...others, { time: here?.time ?? playhead, text: text.slice(0, 500) }].sort((a, b) => a.time - b.time);
  studio.emit("markers");
  studio.did(here ? "change marker" : "set marker");
}

/** @param {Studio} studio */
function unmark(studio) {
  const here = markerHere(studio);
  studio.markers = studio.markers.filter((marker) => marker !== here);
  studio.emit("markers");
  studio.did("remove marker");
}

/** @type {Map<string, Promise<number[]>>} by project */
const known = new Map();

/** Times at which the picture cuts, found once. @param {Studio} studio */
function cutsOf(studio) {
  const { id } = studio.project;
  const found = known.get(id) ?? getJson(`projects/${id}/cuts`).then(({ cuts }) => cuts);
  known.set(id, found);
  found.catch(() => known.delete(id));
  return found;
}
