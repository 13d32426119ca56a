/** Settings of single hits: which sound, how high, how loud, which foot. Pure; the rules are those of `folai.envelope.hits`. */

import { changeTo } from "./curve.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {import("./curve.js").Hit} Hit */
/** @typedef {import("./curve.js").Hits} Hits */

/** @type {("left" | "right")[]} */
const FEET = ["left", "right"];

/**
 * Changes some of the settings of hits; undefined takes one back. @param {Curve} curve @param {number[]} indices
 * sorted @param {Hit} settings @returns {import("./curve.js").Change}
 */
export function setHits(curve, indices, settings) {
  const hits = new Map(curve.hits);
  for (const time of indices.map((index) => curve.onsets[index])) {
    const own = Object.entries({ ...hits.get(time), ...settings });
    const said = own.filter(([name, value]) => value !== undefined && value !== null && (value !== 0 || name === "sound"));
    if (said.length) hits.set(time, Object.fromEntries(said));
    else hits.delete(time);
  }
  const first = Math.min(Math.floor(curve.onsets[indices[0]] * curve.rate), curve.values.length);
  return changeTo(curve, first, new Float32Array(0), undefined, hits);
}

/** What all these hits say alike; what they say differently is left out. @param {(Hit | undefined)[]} hits @returns {{alike: Hit, differ: Set<string>}} */
export function alikeIn(hits) {
  /** @type {any} */ const alike = {};
  const differ = new Set();
  for (const name of ["sound", "pitch", "level_db", "foot"]) {
    const values = new Set(hits.map((hit) => /** @type {any} */ (hit)?.[name]));
    if (values.size > 1) differ.add(name);
    else if (!values.has(undefined)) [alike[name]] = values;
  }
  return { alike, differ };
}

/** As they are when hits move; where one lands on another, what moved there says how it sounds. @param {Hits | undefined} hits @param {Map<number, number>} times from: to @returns {Hits | undefined} */
export function movedHits(hits, times) {
  if (!hits?.size) return undefined;
  const next = new Map([...hits].filter(([time]) => !times.has(time)));
  for (const [time, hit] of hits) if (times.has(time)) next.set(Number(times.get(time)), hit);
  return next;
}

/** Those in a part, on its clock, as pairs. @param {Hits | undefined} hits @param {(time: number) => boolean} inside @param {number} shift seconds @returns {[number, Hit][]} */
export function hitsWithin(hits, inside, shift) {
  return [...(hits ?? [])].filter(([time]) => inside(time)).map(([time, hit]) => [time + shift, hit]);
}

/** 0, left, or 1, right, of each onset; null where no hit says its foot. @param {ArrayLike<number>} onsets @param {Hits | undefined} hits */
function feetOf(onsets, hits) {
  const times = Array.from(onsets);
  const foot = (/** @type {number} */ time) => hits?.get(time)?.foot;
  let last = times.findIndex(foot);
  if (last < 0) return null;
  return times.map((time, place) => {
    if (foot(time)) last = place;
    const said = FEET.indexOf(/** @type {"left" | "right"} */ (foot(times[last])));
    return Math.abs(said + place - last) % 2;
  });
}

/**
 * Settings of a part of a curve: its first hit says which foot it is, so that feet take turns as in the whole.
 * @param {Curve} curve @param {number} start @param {number} end seconds @returns {Hits}
 */
export function hitsOfPart({ onsets, hits }, start, end) {
  const own = new Map(hits);
  const feet = feetOf(onsets, hits);
  const first = onsets.findIndex((time) => time >= start && time < end);
  if (feet && first >= 0) own.set(onsets[first], { ...own.get(onsets[first]), foot: FEET[feet[first]] });
  return new Map(hitsWithin(own, (time) => time >= start && time < end, -start));
}

/** As the server takes them. @param {Hits | undefined} hits */
export function hitList(hits) {
  return [...(hits ?? [])].map(([time, hit]) => ({ time, ...hit }));
}

/** As the server sends them. @param {({time: number} & Hit)[]} list @returns {Hits} */
export function hitMap(list) {
  return new Map(list.map(({ time, ...hit }) => [time, hit]));
}

/** For people, such as "sound 3, +2 semitones". @param {Hit | undefined} hit */
export function hitText(hit) {
  const sign = (/** @type {number} */ value) => `${value > 0 ? "+" : "−"}${Math.abs(value)}`;
  const { sound, pitch, level_db, foot } = hit ?? {};
  const parts = [sound !== undefined && `sound ${sound + 1}`, pitch && `${sign(pitch)} semitones`, level_db && `${sign(level_db)} dB`, foot && `${foot} foot`];
  return parts.filter(Boolean).join(", ");
}
