/** Marks of time over the lanes. */

import { frameAt } from "../picture/clock.js";
import { clockText } from "../picture/timecode.js";
import { timeText } from "../state/clock.js";
import { setFont } from "./canvas.js";

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800];
const PICTURES = [1, 2, 5, 10]; // between two numbers, below a second
const WIDE = 96; // pixels that a timecode needs
const MARKER = 7; // pixels from a marker within which it is meant
const APART = 78; // pixels between two numbers, at least

/**
 * @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis
 * @param {number} height @param {import("../state/studio.js").Studio} studio @param {import("./canvas.js").Colours} colours
 */
export function drawRuler(context, axis, height, studio, colours) {
  setFont(context, 10, true);
  context.fillStyle = colours.dim;
  context.strokeStyle = colours.line;
  context.beginPath();
  if (studio.clock === "seconds") markSeconds(context, axis, height);
  else markPictures(context, axis, height, studio);
  context.stroke();
  drawMarkers(context, axis, height, studio, colours);
}

/** @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {number} height */
function markSeconds(context, axis, height) {
  const step = STEPS.find((seconds) => seconds / axis.perPixel >= APART) ?? 3600;
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  for (let n = Math.floor(axis.start / step); n * step <= axis.end; n++) {
    mark(context, axis, height, n * step, step, clockText(n * step, digits));
  }
}

/** Numbers stand on pictures: what is between them is not shown on screen. @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {number} height @param {import("../state/studio.js").Studio} studio */
function markPictures(context, axis, height, studio) {
  const { frames, project } = studio;
  const nominal = Math.max(Math.round(project.clip.nominal_fps ?? project.clip.fps), 1);
  const steps = [...PICTURES.filter((count) => count < nominal), ...STEPS.filter((seconds) => seconds >= 1).map((seconds) => seconds * nominal)];
  const step = steps.find((count) => count / nominal / axis.perPixel >= WIDE) ?? 3600 * nominal;
  const last = frameAt(frames, axis.end);
  for (let n = Math.floor(frameAt(frames, axis.start) / step) * step; n <= last; n += step) {
    if (frames[n] !== undefined) mark(context, axis, height, frames[n], step / nominal, timeText(studio, frames[n]));
  }
}

/** @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {number} height @param {number} time @param {number} step @param {string} text */
function mark(context, axis, height, time, step, text) {
  const x = Math.round(axis.toX(time)) + 0.5;
  context.moveTo(x, 6);
  context.lineTo(x, height);
  for (let k = 1; k < 5; k++) {
    const small = Math.round(axis.toX(time + (k / 5) * step)) + 0.5;
    context.moveTo(small, height - 4);
    context.lineTo(small, height);
  }
  context.fillText(text, x + 4, 13);
}

/** @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {number} height @param {import("../state/studio.js").Studio} studio @param {import("./canvas.js").Colours} colours */
function drawMarkers(context, axis, height, studio, colours) {
  context.fillStyle = colours["take-b"];
  for (const { time } of studio.markers) {
    const x = Math.round(axis.toX(time));
    context.beginPath();
    context.moveTo(x - 5, height - 8);
    context.lineTo(x + 6, height - 8);
    context.lineTo(x + 0.5, height);
    context.fill();
  }
}

/** The marker at a pixel. @param {import("../state/studio.js").Studio} studio @param {import("./axis.js").Axis} axis @param {number} x */
export function markerAt(studio, axis, x) {
  return studio.markers.find(({ time }) => Math.abs(axis.toX(time) - x) <= MARKER);
}
