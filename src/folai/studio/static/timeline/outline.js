/** A line from left to right, as numbers: what it is now can be compared with what was painted. */

import { firstFrom } from "../envelope/curve.js";

/** @typedef {import("./painted.js").Span} Span */
/** Points from left to right, pixels. @typedef {{xs: Float64Array, ys: Float32Array}} Outline */

const BESIDE = 3; // points beyond a span, so that lines that end there are seen to come from somewhere

/**
 * @param {number} first @param {number} stop @param {(i: number) => number} toX @param {(i: number) => number} toY
 * @returns {Outline}
 */
export function outline(first, stop, toX, toY) {
  const count = Math.max(stop - first, 0);
  const xs = new Float64Array(count);
  const ys = new Float32Array(count);
  for (let i = 0; i < count; i++) [xs[i], ys[i]] = [toX(first + i), toY(first + i)];
  return { xs, ys };
}

/**
 * A new path along it, or along the part that a span shows.
 * @param {CanvasRenderingContext2D} context @param {Outline} outline @param {Span} [span]
 * @returns {[number, number]} where it begins and ends
 */
export function trace(context, { xs, ys }, { left, right } = { left: -Infinity, right: Infinity }) {
  const first = Math.max(firstFrom(xs, left) - BESIDE, 0);
  const stop = Math.min(firstFrom(xs, right) + BESIDE, xs.length);
  context.beginPath();
  for (let i = first; i < stop; i++) context.lineTo(xs[i], ys[i]);
  return [xs[first] ?? 0, xs[stop - 1] ?? 0];
}

/**
 * What lies below it, down to `height`, where a span shows it.
 * @param {CanvasRenderingContext2D} context @param {Outline} outline @param {Span} span @param {number} height @param {string} colour
 */
export function fillBelow(context, outline, span, height, colour) {
  const [left, right] = trace(context, outline, span);
  context.lineTo(right, height);
  context.lineTo(left, height);
  context.fillStyle = colour;
  context.fill();
}
