/** Levels along the height of the envelope's lane: a root, so that quiet parts can be seen. */

const ROOT = 2.5;
const HEADROOM = 0.1; // of the height, above full scale

/** Decibels at which lines are drawn. */
export const LINES = [0, -6, -12, -24, -40];

/** @param {number} level linear RMS @param {number} height pixels @returns {number} y */
export function levelToY(level, height) {
  return height - Math.min(level, 1.12) ** (1 / ROOT) * height * (1 - HEADROOM);
}

/** @param {number} y @param {number} height @returns {number} linear RMS, 0 to 1 */
export function yToLevel(y, height) {
  const root = (height - y) / (height * (1 - HEADROOM));
  return Math.min(Math.max(root, 0), 1) ** ROOT;
}

/** A level in words. @param {number} level */
export function levelText(level) {
  return level > 1e-4 ? `${(20 * Math.log10(level)).toFixed(1)} dB` : "silent";
}
