/**
 * How unsure the prediction is, as a band along the bottom of the envelope's lane: the higher, the
 * less sure. Where the curve is no longer the prediction a person has said what is heard: no band.
 */

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("./axis.js").Axis} Axis */

const SHARE = 0.25; // of the lane's height, where nothing is sure
const SAME = 1e-6; // RMS: values nearer than this are the same

/**
 * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
 * @param {Studio} studio @param {string} colour
 */
export function drawDoubt(context, axis, height, studio, colour) {
  const predicted = studio.ghost?.curve;
  const own = studio.curve;
  if (!predicted?.confidence || !own) return;
  const { confidence, values, rate } = predicted;
  context.beginPath();
  context.moveTo(0, height);
  for (let x = 0; x <= axis.width; x++) {
    const frame = Math.min(Math.max(Math.round(axis.toTime(x) * rate), 0), confidence.length - 1);
    const drawn = Math.abs((own.values[frame] ?? 0) - values[frame]) > SAME;
    context.lineTo(x, height - (drawn ? 0 : SHARE * height * (1 - confidence[frame])));
  }
  context.lineTo(axis.width, height);
  context.fillStyle = colour;
  context.globalAlpha = 0.35;
  context.fill();
  context.globalAlpha = 1;
}
