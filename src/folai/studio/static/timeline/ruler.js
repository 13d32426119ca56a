/** Marks of time over the lanes. */

import { setFont } from "./canvas.js";

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800];
const APART = 78; // pixels between two numbers, at least

/**
 * @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis
 * @param {number} height @param {import("./canvas.js").Colours} colours
 */
export function drawRuler(context, axis, height, colours) {
  const step = STEPS.find((seconds) => seconds / axis.perPixel >= APART) ?? 3600;
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  setFont(context, 10, true);
  context.fillStyle = colours.dim;
  context.strokeStyle = colours.line;
  context.beginPath();
  for (let n = Math.floor(axis.start / step); n * step <= axis.end; n++) {
    const x = Math.round(axis.toX(n * step)) + 0.5;
    context.moveTo(x, 6);
    context.lineTo(x, height);
    for (let k = 1; k < 5; k++) {
      const small = Math.round(axis.toX((n + k / 5) * step)) + 0.5;
      context.moveTo(small, height - 4);
      context.lineTo(small, height);
    }
    context.fillText(clockText(n * step, digits), x + 4, 13);
  }
  context.stroke();
}

/** @param {number} seconds @param {number} digits after the point @returns {string} m:ss.d or h:mm:ss */
export function clockText(seconds, digits = 3) {
  const rounded = Math.round(Math.max(seconds, 0) * 10 ** digits) / 10 ** digits;
  const whole = Math.floor(rounded);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = (rounded - 60 * Math.floor(whole / 60)).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
