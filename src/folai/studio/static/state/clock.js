/** How times are written: the clip's timecode, seconds, or feet and frames; with the project. */

import { frameAt } from "../picture/clock.js";
import { CLOCKS, clockText, countingOf, feetOf, numberOf, timecodeOf } from "../picture/timecode.js";

/** @typedef {import("./studio.js").Studio} Studio */

/** @param {Studio} studio @returns {import("../picture/timecode.js").Counting} */
export function counting(studio) {
  const { nominal_fps, fps, timecode } = studio.project.clip;
  return countingOf(nominal_fps ?? fps, studio.timecode ?? timecode);
}

/** A time as the clock says it. @param {Studio} studio @param {number} time seconds @param {number} [digits] of seconds */
export function timeText(studio, time, digits = 3) {
  if (studio.clock === "seconds" || !studio.project) return clockText(time, digits);
  const number = frameAt(studio.frames, time);
  if (studio.clock === "feet") return feetOf(number);
  const own = counting(studio);
  return timecodeOf(own.start + number, own);
}

/** The time of a timecode that is written; null where the clip has no such picture. @param {Studio} studio @param {string} text */
export function timeOf(studio, text) {
  const own = counting(studio);
  const number = numberOf(text, own);
  return number === null ? null : (studio.frames[number - own.start] ?? null);
}

/** Another way to write times. @param {Studio} studio */
export function turnClock(studio) {
  studio.clock = /** @type {any} */ (CLOCKS[(CLOCKS.indexOf(studio.clock) + 1) % CLOCKS.length]);
  studio.emit("clock");
}

/** Sets the timecode of the first picture. @param {Studio} studio @param {string | null} text null: the clip's own; throws where it is none */
export function setStart(studio, text) {
  const { nominal_fps, fps } = studio.project.clip;
  const own = countingOf(nominal_fps ?? fps, text);
  if (text !== null && numberOf(text, own) === null) {
    throw new Error(`${text} is no timecode at ${own.nominal} frames a second: write HH:MM:SS:FF, with ; before FF for drop-frame.`);
  }
  studio.timecode = text;
  studio.emit("clock");
  studio.did("start timecode");
}
