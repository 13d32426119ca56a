/** The whole clip in one line: where the view is within it. Drag the window to scroll, its edges to zoom. */

/** @typedef {import("./axis.js").Axis} Axis */

const EDGE = 6; // pixels

/**
 * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
 * @param {import("../state/studio.js").Studio} studio @param {import("./canvas.js").Colours} colours
 */
export function drawOverview(context, axis, height, studio, colours) {
  const drawn = studio.drawn.get(studio.activeId);
  if (drawn) {
    const perPixel = drawn.curve.values.length / axis.width;
    context.fillStyle = colours.other;
    for (let x = 0; x < axis.width; x++) {
      const peak = drawn.pyramid.peak(Math.floor(x * perPixel), Math.ceil((x + 1) * perPixel));
      const tall = Math.sqrt(Math.min(peak, 1)) * (height - 4);
      if (tall > 0.5) context.fillRect(x, height - 2 - tall, 1, tall);
    }
  }
  const [left, right] = windowOf(axis);
  context.fillStyle = colours.region;
  context.fillRect(left, 0, right - left, height);
  context.strokeStyle = colours["region-edge"];
  context.lineWidth = 1.5;
  context.strokeRect(left + 0.75, 0.75, Math.max(right - left - 1.5, 2), height - 1.5);
  context.fillStyle = colours.playhead;
  context.fillRect((studio.playhead / axis.duration) * axis.width, 0, 1, height);
}

/** @param {Axis} axis @returns {[number, number]} pixels of the overview */
function windowOf(axis) {
  const scale = axis.width / axis.duration;
  return [axis.start * scale, Math.max(axis.end * scale, axis.start * scale + 4)];
}

/**
 * What a drag from `x` does: a function from the pixels gone to nothing.
 * @param {Axis} axis @param {number} x @returns {(dx: number) => void}
 */
export function overviewDrag(axis, x) {
  const [left, right] = windowOf(axis);
  const perPixel = axis.duration / axis.width;
  const { start, end } = axis;
  if (Math.abs(x - left) <= EDGE && left > 1) {
    return (dx) => showFrom(axis, Math.min(start + dx * perPixel, end - 0.05), end);
  }
  if (Math.abs(x - right) <= EDGE && right < axis.width - 1) {
    return (dx) => showFrom(axis, start, Math.max(end + dx * perPixel, start + 0.05));
  }
  const inside = x >= left && x <= right;
  const from = inside ? start : x * perPixel - (end - start) / 2;
  axis.set(from, axis.perPixel);
  return (dx) => axis.set(from + dx * perPixel, axis.perPixel);
}

/** @param {Axis} axis @param {number} start @param {number} end */
function showFrom(axis, start, end) {
  axis.set(start, (end - start) / axis.width);
}
