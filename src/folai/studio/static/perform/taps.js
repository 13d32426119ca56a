/** Taps as hits, and the latency between a click that is heard and the tap that answers it. Pure. */

import { changeTo, copyCurve, swap } from "../envelope/curve.js";
import { addHit } from "../envelope/hits.js";
import { muteRegion, restoreRegion } from "../envelope/regions.js";

/** @typedef {import("../envelope/curve.js").Curve} Curve */
/** @typedef {import("../envelope/curve.js").Change} Change */
/** @typedef {import("../envelope/curve.js").Region} Region */
/** @typedef {{time: number, level: number}} Tap seconds into the clip, RMS */

const EARLIEST = -0.15; // seconds that a tap may come before its click
const LATEST = 0.4; // or after it
export const FEWEST = 4; // taps that a latency is measured from

/**
 * The median of the delays of taps after their clicks, or null where too few belong to one.
 * @param {number[]} clicks seconds @param {number[]} taps seconds, of the same clock
 */
export function latencyOf(clicks, taps) {
  const delays = taps
    .map((tap) => clicks.map((click) => tap - click).filter((delay) => delay > EARLIEST && delay < LATEST).sort((a, b) => Math.abs(a) - Math.abs(b))[0])
    .filter((delay) => delay !== undefined)
    .sort((a, b) => a - b);
  if (delays.length < FEWEST) return null;
  const middle = delays.length >> 1;
  return delays.length % 2 ? delays[middle] : (delays[middle - 1] + delays[middle]) / 2;
}

/**
 * Taps laid into a curve as hits: in place of what is in the region, or beside all that is there.
 * @param {Curve} curve @param {Tap[]} taps @param {Region | null} region @returns {Change}
 */
export function layTaps(curve, taps, region) {
  const next = copyCurve(curve);
  if (region) swap(next, muteRegion(next, region));
  for (const { time, level } of taps) swap(next, addHit(next, time, level));
  return changeTo(curve, 0, next.values, next.onsets, next.hits);
}

/**
 * A measured performance laid into a curve, in a region; as loud as what was there, or as `level` where that was silent.
 * @param {Curve} curve @param {Curve} heard whose time 0 is `start` @param {number} start seconds
 * @param {Region} region @param {number} level RMS @returns {Change}
 */
export function layVoice(curve, heard, start, region, level) {
  const floor = floorOf(heard.values);
  const peak = heard.values.reduce((most, value) => Math.max(most, value), 1e-9);
  const shift = Math.round(start * curve.rate);
  const shown = new Float32Array(curve.values.length);
  for (let i = 0; i < heard.values.length; i++) {
    const power = heard.values[i] ** 2 - floor ** 2;
    if (i + shift >= 0 && i + shift < shown.length && power > 0) shown[i + shift] = (Math.sqrt(power) * level) / peak;
  }
  const onsets = heard.onsets.map((time) => time + start);
  return restoreRegion(curve, { values: shown, rate: curve.rate, onsets }, region);
}

/** What a microphone hears while nobody speaks: the level that is exceeded nine tenths of the time. @param {Float32Array} values */
function floorOf(values) {
  const sorted = values.slice().sort();
  return Math.min(1.5 * (sorted[Math.floor(sorted.length / 10)] ?? 0), 0.1 * (sorted.at(-1) ?? 0));
}

/**
 * When a voice answers each click: where it first reaches a third of its highest sample of that click.
 * @param {{samples: Float32Array, rate: number, at: number}} heard @param {number[]} clicks @returns {number[]} seconds, as the clicks
 */
export function answersIn({ samples, rate, at }, clicks) {
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return clicks.flatMap((click) => {
    const first = Math.max(Math.round((click - at) * rate), 0);
    const part = samples.subarray(first, Math.max(Math.round((click - at + LATEST) * rate), first));
    const peak = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (peak < 0.1 * loudest) return [];
    return [at + (first + part.findIndex((value) => Math.abs(value) > peak / 3)) / rate];
  });
}
