/** The pointer on the envelope: each gesture is what it does while it moves, and when it is let go. */

import { hitLevel, nearestOnset } from "../envelope/curve.js";
import { addHit, moveHit, removeHit } from "../envelope/hits.js";
import { drawStroke, shiftRegion } from "../envelope/regions.js";
import { snapTime } from "../envelope/snap.js";
import { hitUnder } from "./envelope_lane.js";
import { levelToY, yToLevel } from "./level.js";
import { GRIP } from "./overlay.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {{x: number, y: number, event: PointerEvent}} Spot of the envelope's lane, pixels */
/** @typedef {{move?: (spots: Spot[]) => void, end?: (moved: boolean) => void, cancel?: () => void}} Gesture */

const ERASER = 32; // the bit of `buttons` for a pen's other end
const EDGE = 5; // pixels

/** How near is near, in pixels: fingers are broader. @param {PointerEvent} event */
export function reachOf(event) {
  return event.pointerType === "mouse" ? 8 : 16;
}

/** A time that snaps as the studio says. @param {Studio} studio @param {number} time @param {Event & {ctrlKey?: boolean}} [event] held Ctrl: no snapping */
export function snapped(studio, time, event) {
  const inside = Math.min(Math.max(time, 0), studio.duration);
  if (event?.ctrlKey) return inside;
  const onsets = studio.ghost?.curve.onsets ?? new Float64Array(0);
  return snapTime(inside, studio.snap, { frames: studio.frames, onsets });
}

/**
 * What a pointer that goes down there begins. @param {Timeline} timeline @param {Spot} spot
 * @param {(time: number) => void} seek @returns {Gesture}
 */
export function beginGesture(timeline, spot, seek) {
  const { studio, axis } = timeline;
  const { event } = spot;
  if (event.shiftKey) return selectGesture(timeline, spot, seek);
  if (studio.tool === "draw" || event.buttons & ERASER) return drawGesture(timeline, spot);
  const height = timeline.places.envelope.height;
  const hit = hitUnder(studio, axis, spot.x, spot.y, height, reachOf(event));
  if (event.button === 2) return hit >= 0 ? deleteGesture(studio, hit) : {};
  if (hit >= 0) return hitGesture(timeline, spot, hit);
  if (studio.tool === "hit") return newHitGesture(timeline, spot);
  const part = regionPart(timeline, spot.x, spot.y);
  if (part === "grip") return gripGesture(timeline, spot);
  if (part) return edgeGesture(timeline, part);
  return selectGesture(timeline, spot, seek);
}

/** Which part of the region is there. @param {Timeline} timeline @param {number} x @param {number} y @returns {"start" | "end" | "grip" | null} */
export function regionPart({ studio, axis }, x, y) {
  const region = studio.region;
  if (!region) return null;
  const [left, right] = [axis.toX(region.start), axis.toX(region.end)];
  if (y <= GRIP && x > left + EDGE && x < right - EDGE) return "grip";
  if (Math.abs(x - left) <= EDGE) return "start";
  return Math.abs(x - right) <= EDGE ? "end" : null;
}

/** @param {Timeline} timeline @param {Spot} spot @returns {Gesture} */
function drawGesture({ studio, axis, places }, spot) {
  const height = places.envelope.height;
  /** @type {import("../envelope/regions.js").Point[]} */
  const points = [];
  /** @param {Spot} at */
  const put = ({ x, y, event }) => {
    const pen = event.pointerType === "pen";
    const level = event.buttons & ERASER ? 0 : yToLevel(y, height);
    // A light pen bends the curve, a firm one draws it.
    const strength = pen && event.pressure ? Math.min(event.pressure * 2, 1) : 1;
    points.push({ time: axis.toTime(x), level, strength });
  };
  const show = () => studio.draft((curve) => drawStroke(curve, points));
  put(spot);
  show();
  return {
    move: (spots) => {
      spots.forEach(put);
      show();
    },
    end: () => studio.commitDraft("draw"),
    cancel: () => studio.cancelDraft(),
  };
}

/** @param {Timeline} timeline @param {Spot} from @param {number} index @returns {Gesture} */
function hitGesture(timeline, from, index) {
  const { studio, axis, places } = timeline;
  const height = places.envelope.height;
  const curve = studio.curve;
  if (!curve) return {};
  const onset = curve.onsets[index];
  const level = hitLevel(curve, onset);
  const top = levelToY(level, height);
  let [to, gain] = [onset, 1];
  studio.select(studio.region, onset);
  return {
    move: (spots) => {
      const { x, y, event } = spots[spots.length - 1];
      to = snapped(studio, onset + axis.toTime(x) - axis.toTime(from.x), event);
      const asked = yToLevel(top + y - from.y, height);
      gain = Math.abs(y - from.y) < 3 ? 1 : asked / Math.max(level, 1e-3);
      studio.hit = to;
      studio.draft((own) => moveHit(own, index, to, gain));
    },
    end: (moved) => {
      if (moved) studio.commitDraft(gain === 1 ? "move hit" : "move hit, change its level");
      chooseHit(studio, to);
    },
    cancel: () => {
      studio.cancelDraft();
      chooseHit(studio, onset);
    },
  };
}

/** @param {Timeline} timeline @param {Spot} spot @returns {Gesture} */
function newHitGesture(timeline, spot) {
  const { studio, axis, places } = timeline;
  let at = spot;
  const time = () => snapped(studio, axis.toTime(at.x), at.event);
  const show = () =>
    studio.draft((curve) => addHit(curve, time(), yToLevel(at.y, places.envelope.height)));
  show();
  return {
    move: (spots) => {
      at = spots[spots.length - 1];
      show();
    },
    end: () => {
      studio.commitDraft("add hit");
      chooseHit(studio, time());
    },
    cancel: () => studio.cancelDraft(),
  };
}

/** @param {Studio} studio @param {number} index @returns {Gesture} */
function deleteGesture(studio, index) {
  studio.edit((curve) => removeHit(curve, index), "delete hit");
  studio.select(studio.region, null);
  return {};
}

/** Shifts what is in the region, and scales it: up is louder. @param {Timeline} timeline @param {Spot} from @returns {Gesture} */
function gripGesture({ studio, axis }, from) {
  const region = studio.region;
  if (!region) return {};
  let seconds = 0;
  return {
    move: (spots) => {
      const { x, y, event } = spots[spots.length - 1];
      const across = axis.toTime(x) - axis.toTime(from.x);
      seconds = snapped(studio, region.start + across, event) - region.start;
      const db = Math.abs(y - from.y) < 6 ? 0 : (from.y - y) / 6;
      studio.draft((curve) => shiftRegion(curve, region, seconds, db));
      studio.select({ start: region.start + seconds, end: region.end + seconds });
    },
    end: (moved) => moved && studio.commitDraft("move region"),
    cancel: () => {
      studio.cancelDraft();
      studio.select(region);
    },
  };
}

/** @param {Timeline} timeline @param {"start" | "end"} part @returns {Gesture} */
function edgeGesture({ studio, axis }, part) {
  return {
    move: (spots) => {
      const { x, event } = spots[spots.length - 1];
      if (studio.region) studio.select({ ...studio.region, [part]: snapped(studio, axis.toTime(x), event) });
    },
  };
}

/** A drag marks a region; a mere click goes there. @param {Timeline} timeline @param {Spot} from @param {(time: number) => void} seek @returns {Gesture} */
export function selectGesture({ studio, axis }, from, seek) {
  const start = snapped(studio, axis.toTime(from.x), from.event);
  return {
    move: (spots) => {
      const { x, event } = spots[spots.length - 1];
      studio.select({ start, end: snapped(studio, axis.toTime(x), event) });
    },
    end: (moved) => {
      if (moved) return;
      studio.select(null);
      seek(axis.toTime(from.x));
    },
  };
}

/** @param {Studio} studio @param {number} time of a hit, or next to it */
export function chooseHit(studio, time) {
  const onsets = studio.curve?.onsets ?? new Float64Array(0);
  const index = nearestOnset(onsets, time);
  studio.select(studio.region, index < 0 ? null : onsets[index]);
}
