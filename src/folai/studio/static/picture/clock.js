/** Pictures and their times: which one is on screen when. */

/** Index of the frame shown at a time. @param {Float64Array} frames sorted seconds @param {number} time */
export function frameAt(frames, time) {
  let low = 0;
  let high = frames.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (frames[middle] <= time + 1e-4) low = middle;
    else high = middle - 1;
  }
  return Math.max(low, 0);
}

/** A time well within a frame, where a player cannot mistake it for its neighbour. @param {Float64Array} frames @param {number} index */
export function middleOf(frames, index) {
  const next = frames[index + 1];
  return frames[index] + (next === undefined ? 0.002 : Math.min((next - frames[index]) / 2, 0.02));
}
