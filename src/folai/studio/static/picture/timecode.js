/**
 * SMPTE timecode (ST 12-1), also drop-frame, and feet and frames of 35 mm film. Numbers of pictures
 * count at the nominal rate: 30 for 29.97.
 */

/** @typedef {{nominal: number, drop: boolean, start: number}} Counting start: number of the first picture */
/** Ways to write a time. */
export const CLOCKS = ["timecode", "seconds", "feet"];
const FOOT = 16; // pictures of 35 mm film with four perforations

/**
 * How a clip's pictures are counted. @param {number} fps @param {string | null} timecode of the first picture;
 * `;` before the pictures means drop-frame
 * @returns {Counting}
 */
export function countingOf(fps, timecode) {
  const nominal = Math.max(Math.round(fps), 1);
  const drop = Boolean(timecode && /[;.]\d\d$/.test(timecode)) && nominal % 30 === 0;
  const counting = { nominal, drop, start: 0 };
  return { ...counting, start: timecode ? (numberOf(timecode, counting) ?? 0) : 0 };
}

/** Number of the picture with this timecode, from midnight; null where it is none. @param {string} timecode @param {Counting} counting */
export function numberOf(timecode, { nominal, drop }) {
  const found = /^(\d\d):(\d\d):(\d\d)[:;.](\d\d)$/.exec(timecode);
  if (!found) return null;
  const [hours, minutes, seconds, pictures] = found.slice(1).map(Number);
  if (hours > 23 || minutes > 59 || seconds > 59 || pictures >= nominal) return null;
  const whole = hours * 60 + minutes;
  const skipped = drop ? (nominal / 15) * (whole - Math.floor(whole / 10)) : 0; // 2 a minute, not each tenth
  return (whole * 60 + seconds) * nominal + pictures - skipped;
}

/** @param {number} number of a picture since midnight @param {Counting} counting @returns {string} HH:MM:SS:FF */
export function timecodeOf(number, { nominal, drop }) {
  let count = Math.max(Math.round(number), 0);
  if (drop) {
    const skip = nominal / 15;
    const tenth = 600 * nominal - 9 * skip; // pictures of ten minutes
    const [tens, rest] = [Math.floor(count / tenth), count % tenth];
    count += 9 * skip * tens + (rest < skip ? 0 : skip * Math.floor((rest - skip) / (60 * nominal - skip)));
  }
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const seconds = Math.floor(count / nominal);
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two);
  return `${parts.join(":")}${drop ? ";" : ":"}${two(count % nominal)}`;
}

/** @param {number} number of a picture since the first @returns {string} feet+frames */
export function feetOf(number) {
  const count = Math.max(Math.round(number), 0);
  return `${Math.floor(count / FOOT)}+${String(count % FOOT).padStart(2, "0")}`;
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
