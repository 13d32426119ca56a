/** Edits of single hits: add, remove, move in time and level. The rules are those of folai.Envelope. */

import { hitPower } from "./arithmetic.js";
import { WINDOW, changeTo, durationOf } from "./curve.js";
import { movedHits } from "./hit_settings.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {import("./curve.js").Change} Change */

const ATTACK = 0.005; // seconds

/**
 * One more hit: peak RMS `level`, falling to 1/e in `decay` seconds.
 * @param {Curve} curve @param {number} time @param {number} level @returns {Change}
 */
export function addHit(curve, time, level, decay = 0.08) {
  const { rate, onsets } = curve;
  const at = Math.min(Math.max(time, 0), durationOf(curve));
  const first = Math.max(Math.floor((at - WINDOW) * rate), 0);
  const stop = Math.ceil((at + WINDOW + ATTACK + 14 * decay) * rate); // where it is 120 dB down
  const values = Float64Array.from(curve.values.subarray(first, stop));
  const power = hitPower(values.map((_, i) => (first + i) / rate - at), level, ATTACK, decay);
  const louder = values.map((value, i) => Math.sqrt(value ** 2 + power[i]));
  return changeTo(curve, first, louder, [...onsets, at]);
}

/** Takes hit `index` away, with its bump. @param {Curve} curve @param {number} index @returns {Change} */
export function removeHit(curve, index) {
  const { first, base } = underBump(curve, curve.onsets, index);
  const kept = curve.onsets.filter((_, i) => i !== index);
  return changeTo(curve, first, base, kept);
}

/**
 * Moves hit `index` with its bump to another time, its level times `gain`.
 * @param {Curve} curve @param {number} index @param {number} to seconds @returns {Change}
 */
export function moveHit(curve, index, to, gain = 1) {
  return moveHits(curve, new Map([[index, to]]), gain);
}

/**
 * Lifts the bumps of these hits off the curve, then lays each down at its new time.
 * @param {Curve} curve @param {Map<number, number>} moves index: seconds @returns {Change}
 */
export function moveHits(curve, moves, gain = 1) {
  const { rate } = curve;
  const onsets = curve.onsets.slice();
  const alone = moves.size === 1; // the usual case, while dragging: nothing long is copied
  const left = { values: alone ? curve.values : Float64Array.from(curve.values), rate };
  const lifted = [];
  const places = new Map();
  for (const [index, time] of moves) {
    const at = Math.min(Math.max(time, 0), durationOf(curve));
    const { first, base } = underBump(left, curve.onsets, index);
    const bump = base.map((value, i) => gain ** 2 * (left.values[first + i] ** 2 - value ** 2));
    if (!alone) left.values.set(base, first);
    lifted.push({ bump, base, first, place: first + (at - curve.onsets[index]) * rate });
    onsets[index] = at;
    places.set(curve.onsets[index], at);
  }
  const { first, values } = layDown(lifted, left.values);
  return changeTo(curve, first, values, onsets, movedHits(curve.hits, places));
}

/**
 * The curve around some bumps, with each lifted off and laid down at its place between frames:
 * every value of a bump is shared between two frames.
 * @param {{bump: Float64Array, base: Float64Array, first: number, place: number}[]} lifted
 * @param {Float32Array | Float64Array} curve
 */
function layDown(lifted, curve) {
  let low = curve.length;
  let high = 0;
  for (const { bump, first, place } of lifted) {
    low = Math.max(Math.min(low, first, Math.floor(place)), 0);
    high = Math.min(Math.max(high, first + bump.length, Math.floor(place) + bump.length + 2), curve.length);
  }
  const values = Float64Array.from(curve.subarray(Math.min(low, high), high));
  for (const { base, first } of lifted) values.set(base, first - low);
  const laid = new Float64Array(values.length);
  for (const { bump, place } of lifted) {
    const whole = Math.floor(place);
    const part = place - whole;
    for (let i = 0; i <= bump.length; i++) {
      const at = whole + i - low;
      if (at < 0 || at >= laid.length) continue;
      laid[at] += (1 - part) * (bump[i] ?? 0) + part * (bump[i - 1] ?? 0);
    }
  }
  return { first: low, values: values.map((value, i) => Math.sqrt(value ** 2 + laid[i])) };
}

/**
 * The first frame of one hit's bump, and the line between its two feet to put there.
 *
 * The left foot is where the window first touches the onset; the right foot is where the curve is
 * back at the left foot's level, or the next hit begins.
 * @param {{values: Float32Array | Float64Array, rate: number}} curve
 * @param {Float64Array} onsets @param {number} index
 */
function underBump({ values, rate }, onsets, index) {
  const reach = WINDOW / 2 + 1 / rate;
  const onset = onsets[index];
  const left = Math.min(Math.max(Math.floor((onset - reach) * rate), 0), values.length - 1);
  let last = values.length - 1;
  if (index + 1 < onsets.length) last = Math.min(Math.floor((onsets[index + 1] - reach) * rate), last);
  last = Math.max(last, left);
  const floor = left > 0 ? values[left] : least(values, 0, last);
  const summit = Math.min(Math.ceil((onset + reach) * rate), last);
  const low = floor + 0.005 * (values[summit] - floor);
  let right = summit;
  while (right < last && values[right] > low) right++;
  const foot = Math.min(values[right], floor);
  const step = right > left ? (foot - floor) / (right - left) : 0;
  const base = new Float64Array(right - left + 1);
  for (let i = 0; i < base.length; i++) base[i] = Math.min(values[left + i], floor + i * step);
  return { first: left, base };
}

/** @param {Float32Array | Float64Array} values @param {number} from @param {number} to */
function least(values, from, to) {
  let lowest = Infinity;
  for (let i = from; i <= to; i++) lowest = Math.min(lowest, values[i]);
  return lowest;
}
