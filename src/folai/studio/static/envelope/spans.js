/** Regions as people write them, several at once: `0:01-0:02.5, 3-4`. The same times as on the command line. */

/** @typedef {import("./curve.js").Region} Region */

const SHORTEST = 0.02; // seconds of a region that is made anew
const TIME = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)$/;
const FORM = "Write times as 0:01-0:02.5, 0:03-0:04";

/**
 * In order; those that touch are one. Without an end a region goes to the clip's.
 * @param {string} text @param {number} duration of the clip, seconds @returns {Region[]}
 */
export function readRegions(text, duration) {
  const words = text.split(/[,;\s]+/).filter(Boolean);
  return joined(words.map((word) => readRegion(word, duration)));
}

/** @param {string} word @param {number} duration @returns {Region} */
function readRegion(word, duration) {
  const [first, last, ...more] = word.split(/[-–]/);
  if (last === undefined || more.length) throw new Error(`“${word}” is no region. ${FORM}.`);
  const start = secondsOf(first);
  const end = Math.min(last === "" ? duration : secondsOf(last), duration);
  if (end - start < SHORTEST - 1e-9) throw new Error(`“${word}” is no part of this clip of ${timeOf(duration)}, or too short. ${FORM}.`);
  return { start, end };
}

/** @param {string} text @returns {number} */
function secondsOf(text) {
  const match = TIME.exec(text);
  if (!match) throw new Error(`“${text}” is no time. ${FORM}.`);
  return 3600 * Number(match[1] ?? 0) + 60 * Number(match[2] ?? 0) + Number(match[3]);
}

/** @param {Region[]} regions */
export function regionsText(regions) {
  return regions.map(({ start, end }) => `${timeOf(start)}-${timeOf(end)}`).join(", ");
}

/** To the millisecond, as `0:01.25`. @param {number} seconds */
function timeOf(seconds) {
  const ms = Math.round(1000 * seconds);
  const rest = ((ms % 60_000) / 1000).toFixed(3).replace(/\.?0+$/, "");
  return `${Math.floor(ms / 60_000)}:${/^\d(\.|$)/.test(rest) ? "0" : ""}${rest}`;
}

/** In order; those that touch are one. @param {Region[]} regions @returns {Region[]} */
export function joined(regions) {
  /** @type {Region[]} */
  const apart = [];
  for (const { start, end } of [...regions].sort((a, b) => a.start - b.start)) {
    const last = apart.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else apart.push({ start, end });
  }
  return apart;
}

/** Another region beside these; one that lies in one of them takes that away. @param {Region[]} regions @param {Region} region */
export function toggled(regions, region) {
  const around = regions.find(({ start, end }) => start <= region.start + 1e-3 && end >= region.end - 1e-3);
  return around ? regions.filter((one) => one !== around) : joined([...regions, region]);
}
