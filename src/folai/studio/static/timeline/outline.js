/** A line from left to right, as numbers: what it is now can be compared with what was painted. */

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

/** Index of the first point at or after `x`. @param {Float64Array} xs @param {number} x */
function firstFrom(xs, x) {
  let low = 0;
  let high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}
