/**
 * How unsure the prediction is, as a band along the bottom of the envelope's lane: the higher, the
 * less sure. Where the curve is no longer the prediction a person has said what is heard: no band.
 */

import { fillBelow, outline } from "./outline.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("./outline.js").Outline} Outline */
/** @typedef {import("./painted.js").Span} Span */
/** @typedef {import("./axis.js").Axis} Axis */

const SHARE = 0.25; // of the lane's height, where nothing is sure
const SAME = 1e-6; // RMS: values nearer than this are the same

/** Undefined where there is no prediction beside a curve. @param {Axis} axis @param {number} height @param {Studio} studio @returns {Outline | undefined} */
export function doubtOf(axis, height, studio) {
  const predicted = studio.ghost?.curve;
  const own = studio.curve;
  if (!predicted?.confidence || !own) return undefined;
  const { confidence, values, rate } = predicted;
  return outline(0, Math.floor(axis.width) + 1, (x) => x, (x) => {
    const frame = Math.min(Math.max(Math.round(axis.toTime(x) * rate), 0), confidence.length - 1);
    const drawn = Math.abs((own.values[frame] ?? 0) - values[frame]) > SAME;
    return height - (drawn ? 0 : SHARE * height * (1 - confidence[frame]));
  });
}

/** @param {CanvasRenderingContext2D} context @param {Outline} doubt @param {Span} span @param {number} height @param {string} colour */
export function drawDoubt(context, doubt, span, height, colour) {
  context.globalAlpha = 0.35;
  fillBelow(context, doubt, span, height, colour);
  context.globalAlpha = 1;
}
