/** Levels along the height of the envelope's lane: a root, so that quiet parts can be seen. */

const ROOT = 2.5;
const HEADROOM = 0.1; // of the height, above the top
const ROOM = 1.5; // times the loudest level: a hit can be drawn louder without leaving the lane
/** RMS that the lane may reach up to, in steps of 3 dB. */
const TOPS = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => 2 ** (-n / 2));

/** What the lane reaches up to: quiet clips use its height too. */
export const scale = { top: 1 };

/** Makes room for a level; the lane grows at once, and shrinks where `anew`. @param {number} peak RMS @param {boolean} anew @returns {boolean} whether it has changed */
export function makeRoom(peak, anew) {
  const before = scale.top;
  const needed = TOPS.find((top) => top >= ROOM * peak) ?? 1;
  scale.top = anew ? needed : Math.max(needed, before);
  return scale.top !== before;
}

/** Decibels at which lines are drawn. */
export const LINES = [0, -6, -12, -24, -40];

/** Negative above the lane, where a drag may go on. @param {number} level linear RMS @param {number} height pixels @returns {number} y */
export function levelToY(level, height) {
  return height - (level / scale.top) ** (1 / ROOT) * height * (1 - HEADROOM);
}

/** Above the lane it goes on up to full scale. @param {number} y @param {number} height @returns {number} linear RMS, 0 to 1 */
export function yToLevel(y, height) {
  const root = Math.max((height - y) / (height * (1 - HEADROOM)), 0);
  return Math.min(scale.top * root ** ROOT, 1);
}

/** A level in words. @param {number} level */
export function levelText(level) {
  return level > 1e-4 ? `${(20 * Math.log10(level)).toFixed(1)} dB` : "silent";
}
