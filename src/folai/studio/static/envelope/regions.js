/** Edits of a region, drawing, and the clipboard. Pure: a curve in, a `Change` out. */

import { fromDb, gaussianSmooth, regionMask } from "./arithmetic.js";
import { changeTo, durationOf } from "./curve.js";
import { hitsWithin, movedHits } from "./hit_settings.js";
import { moveHits } from "./hits.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {import("./curve.js").Change} Change */
/** @typedef {import("./curve.js").Region} Region */
/** @typedef {{values: Float32Array, rate: number, onsets: number[], hits: [number, import("./curve.js").Hit][], duration: number}} Clip */
/** @typedef {{time: number, level: number, strength?: number}} Point of a stroke */

const FADE = 0.01; // seconds over which an edit of a region fades on either side

/**
 * Louder by `db` decibels in a region. @param {Curve} curve @param {Region} region
 * @param {number} db @returns {Change}
 */
export function scaleRegion(curve, region, db) {
  return masked(curve, region, (value, share) => value * (1 + (fromDb(db) - 1) * share));
}

/** Silence, and no hits. @param {Curve} curve @param {Region} region @returns {Change} */
export function muteRegion(curve, region) {
  const kept = curve.onsets.filter((time) => time < region.start || time > region.end);
  return masked(curve, region, (value, share) => value * (1 - share), kept);
}

/**
 * Blurs a region with a Gaussian of `seconds`. @param {Curve} curve @param {Region} region
 * @param {number} seconds @returns {Change}
 */
export function smoothRegion(curve, region, seconds = 0.02) {
  const { first, stop } = framesOf(curve, region, FADE);
  const smooth = gaussianSmooth(curve.values, first, stop, seconds * curve.rate);
  return masked(curve, region, (value, share, i) => value + share * (smooth[i] - value));
}

/**
 * The prediction again, hits and all. @param {Curve} curve @param {Curve} ghost
 * @param {Region} region @returns {Change}
 */
export function restoreRegion(curve, ghost, region) {
  const { first } = framesOf(curve, region, FADE);
  const outside = curve.onsets.filter((time) => time < region.start || time > region.end);
  const inside = ghost.onsets.filter((time) => time >= region.start && time <= region.end);
  return masked(
    curve,
    region,
    (value, share, i) => value + share * ((ghost.values[first + i] ?? 0) - value),
    [...outside, ...inside],
    new Map(hitsWithin(curve.hits, (time) => time < region.start || time > region.end, 0)),
  );
}

/**
 * What is in a region, later by `seconds` and louder by `db`; where it lands powers add up.
 * @param {Curve} curve @param {Region} region @param {number} seconds @returns {Change}
 */
export function shiftRegion(curve, region, seconds, db = 0) {
  const { values, rate } = curve;
  const { first, stop } = framesOf(curve, region, FADE);
  const mask = regionMask(region, first, stop - first, rate, FADE);
  const lifted = mask.map((share, i) => share * values[first + i] * fromDb(db));
  const span = Math.ceil(Math.abs(seconds) * rate) + 1;
  const from = Math.max(first - span, 0);
  const next = Float64Array.from(values.subarray(from, stop + span));
  mask.forEach((share, i) => (next[first - from + i] *= 1 - share));
  for (let i = 0; i < next.length; i++) {
    const place = from + i - first - seconds * rate; // in the lifted piece
    const whole = Math.floor(place);
    const part = place - whole;
    const moved = (1 - part) * (lifted[whole] ?? 0) + part * (lifted[whole + 1] ?? 0);
    if (moved) next[i] = Math.sqrt(next[i] ** 2 + moved ** 2);
  }
  const inside = curve.onsets.filter((time) => time >= region.start && time <= region.end);
  const places = new Map(Array.from(inside, (time) => [time, time + seconds]));
  const onsets = Array.from(curve.onsets, (time) => places.get(time) ?? time).filter((time) => time >= 0 && time <= durationOf(curve));
  return changeTo(curve, from, next, onsets, heardOf(movedHits(curve.hits, places), onsets));
}

/** The settings whose hits are there. @param {import("./curve.js").Hits | undefined} hits @param {number[]} onsets */
function heardOf(hits, onsets) {
  return hits && new Map([...hits].filter(([time]) => onsets.includes(time)));
}

/**
 * All of a curve later by `seconds`. What comes in at either end goes on from what was there: no hole.
 * @param {Curve} curve @param {number} seconds @returns {Change}
 */
export function shiftAll(curve, seconds) {
  const { values, rate } = curve;
  const last = values.length - 1;
  const moved = Float64Array.from(values, (_, i) => {
    const place = Math.min(Math.max(i - seconds * rate, 0), last);
    const whole = Math.floor(place);
    return values[whole] + (place - whole) * (values[Math.min(whole + 1, last)] - values[whole]);
  });
  const places = new Map(Array.from(curve.onsets, (time) => [time, time + seconds]));
  const onsets = [...places.values()].filter((time) => time >= 0 && time <= durationOf(curve));
  return changeTo(curve, 0, moved, onsets, heardOf(movedHits(curve.hits, places), onsets));
}

/**
 * A freehand stroke: straight lines from point to point, the later over the earlier. A point's
 * `strength` (a pen's pressure) says how far the curve is pulled onto it, 0 to 1.
 * @param {Curve} curve @param {Point[]} points @returns {Change}
 */
export function drawStroke(curve, points) {
  const { values, rate } = curve;
  const places = points.map((point) => point.time * rate);
  const lowest = places.reduce((a, b) => Math.min(a, b), Infinity);
  const highest = places.reduce((a, b) => Math.max(a, b), -Infinity);
  const first = Math.max(Math.floor(lowest), 0);
  const next = Float64Array.from(values.subarray(first, Math.max(Math.ceil(highest) + 1, first)));
  /** @param {number} frame @param {number} level @param {number} strength */
  const put = (frame, level, strength) => {
    const i = frame - first;
    if (i >= 0 && i < next.length) next[i] = values[frame] + strength * (level - values[frame]);
  };
  points.forEach((point, n) => {
    put(Math.round(places[n]), point.level, point.strength ?? 1);
    if (n === 0) return;
    const [a, b] = places[n - 1] <= places[n] ? [n - 1, n] : [n, n - 1];
    for (let frame = Math.ceil(places[a]); frame <= places[b]; frame++) {
      const part = (frame - places[a]) / Math.max(places[b] - places[a], 1e-9);
      const { level, strength = 1 } = points[a];
      const end = points[b];
      put(frame, level + part * (end.level - level), strength + part * ((end.strength ?? 1) - strength));
    }
  });
  return changeTo(curve, first, next);
}

/**
 * Lifts or lowers a short stretch, for drawing with keys: from silence it starts at -40 dB.
 * @param {Curve} curve @param {Region} region @param {number} db @returns {Change}
 */
export function nudgeLevel(curve, region, db) {
  const start = db > 0 ? 0.01 : 0;
  const nudged = (/** @type {number} */ value) => Math.max(value * fromDb(db), start);
  return masked(curve, region, (value, share) => value + share * (nudged(value) - value), undefined, undefined, 0);
}

/** @param {Curve} curve @param {Region} region @returns {Clip} */
export function copyRegion(curve, region) {
  const first = Math.max(Math.round(region.start * curve.rate), 0);
  const stop = Math.max(Math.round(region.end * curve.rate), first + 1);
  const start = first / curve.rate;
  return {
    values: curve.values.slice(first, stop),
    rate: curve.rate,
    onsets: Array.from(curve.onsets)
      .filter((time) => time >= region.start && time <= region.end)
      .map((time) => time - start),
    hits: hitsWithin(curve.hits, (time) => time >= region.start && time <= region.end, -start),
    duration: (stop - first) / curve.rate,
  };
}

/**
 * Lays a clip down from `time` on, in place of what is there.
 * @param {Curve} curve @param {Clip} clip @param {number} time seconds @returns {Change}
 */
export function pasteClip(curve, clip, time) {
  const first = Math.min(Math.max(Math.round(time * curve.rate), 0), curve.values.length);
  const start = first / curve.rate;
  const end = start + clip.duration;
  const kept = Array.from(curve.onsets).filter((onset) => onset < start || onset >= end);
  const laid = clip.onsets.map((onset) => start + onset).filter((onset) => onset <= durationOf(curve));
  const room = curve.values.length - first;
  const hits = new Map(hitsWithin(curve.hits, (onset) => onset < start || onset >= end, 0));
  for (const [onset, hit] of clip.hits) if (start + onset <= durationOf(curve)) hits.set(start + onset, hit);
  return changeTo(curve, first, clip.values.subarray(0, room), [...kept, ...laid], hits);
}

/**
 * Each hit of a region within `tolerance` of a time of the grid moves onto it.
 * @param {Curve} curve @param {Region} region @param {ArrayLike<number>} grid sorted seconds
 * @returns {Change}
 */
export function snapHits(curve, region, grid, tolerance = 0.05) {
  const moves = new Map();
  let moved = false;
  const times = Float64Array.from(grid);
  curve.onsets.forEach((onset, index) => {
    if (onset < region.start || onset > region.end || !times.length) return;
    const to = times.reduce((best, t) => (Math.abs(t - onset) < Math.abs(best - onset) ? t : best));
    if (Math.abs(to - onset) > tolerance) return;
    moves.set(index, to);
    moved ||= to !== onset;
  });
  return moveHits(curve, moved ? moves : new Map());
}

/** @param {Curve} curve @param {Region} region @param {number} fade */
function framesOf({ values, rate }, region, fade) {
  const first = Math.min(Math.max(Math.floor((region.start - fade) * rate), 0), values.length);
  const stop = Math.min(Math.ceil((region.end + fade) * rate) + 1, values.length);
  return { first, stop: Math.max(stop, first) };
}

/**
 * @param {Curve} curve @param {Region} region
 * @param {(value: number, share: number, i: number) => number} edit
 * @param {Iterable<number>} [onsets] @param {import("./curve.js").Hits} [hits] @returns {Change}
 */
function masked(curve, region, edit, onsets, hits, fade = FADE) {
  const { first, stop } = framesOf(curve, region, fade || FADE);
  const mask = regionMask(region, first, stop - first, curve.rate, fade);
  const values = mask.map((share, i) => edit(curve.values[first + i], share, i));
  return changeTo(curve, first, values, onsets, hits);
}
