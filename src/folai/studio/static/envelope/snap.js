/** Where a time lands when snapping is on: the pictures of the video, or the predicted onsets. */

import { nearestOnset } from "./curve.js";

/** @typedef {"off" | "frames" | "onsets"} SnapMode */
/** @type {SnapMode[]} */
export const SNAP_MODES = ["off", "frames", "onsets"];

/**
 * @param {number} time @param {SnapMode} mode
 * @param {{frames: Float64Array, onsets: Float64Array}} grids sorted seconds
 * @param {number} reach seconds within which onsets attract; pictures always do
 */
export function snapTime(time, mode, grids, reach = 0.08) {
  if (mode === "off") return time;
  const grid = mode === "frames" ? grids.frames : grids.onsets;
  const nearest = grid[nearestOnset(grid, time)];
  if (nearest === undefined) return time;
  return mode === "frames" || Math.abs(nearest - time) <= reach ? nearest : time;
}
