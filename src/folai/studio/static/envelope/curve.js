/**
 * The envelope as the page holds it, and the one way it changes.
 *
 * `values[i]` is the RMS of a window centred at `i / rate` seconds, on the clock of the first
 * picture: the same as `folai.Envelope`. An edit is a pure function from a curve to a `Change`;
 * `swap` lays a change down and returns what was there, which is the change that undoes it.
 */

/**
 * `confidence`, of a prediction alone: how sure each value is, 0 to 1. `pan`: where it is heard, -1
 * left to 1 right; edits of the curve leave it as it is. `hits`: settings of single hits, by their onset.
 * @typedef {{values: Float32Array, rate: number, onsets: Float64Array, confidence?: Float32Array, pan?: Float32Array, hits?: Hits}} Curve
 */
/** @typedef {{sound?: number, pitch?: number, level_db?: number, foot?: "left" | "right"}} Hit what is said of it, as in API.md */
/** @typedef {Map<number, Hit>} Hits by seconds, to the bit */
/**
 * `values` stand from frame `first` on; of the onsets some go and some come, in seconds. Settings go
 * with an onset that goes; `hits` are those that change beside that, null: none.
 * @typedef {{first: number, values: Float32Array, removed: number[], added: number[], hits?: [number, Hit | null][]}} Change
 */
/** @typedef {{start: number, end: number}} Region seconds, start < end */

export const WINDOW = 0.032; // seconds over which RMS is taken, as in folai.rms
const LOUDEST = 4; // linear; beyond +12 dB re full scale nothing is meant, and floats would run off

/** @param {Curve} curve @returns {number} seconds */
export function durationOf(curve) {
  return curve.values.length / curve.rate;
}

/** Value at a time, by linear interpolation; zero outside. @param {Curve} curve @param {number} time */
export function levelAt({ values, rate }, time) {
  const place = time * rate;
  if (place < 0 || place > values.length) return 0;
  const i = Math.min(Math.floor(place), values.length - 1);
  const j = Math.min(i + 1, values.length - 1);
  return values[i] + (place - i) * (values[j] - values[i]);
}

/** Highest value between two times. @param {Curve} curve @param {number} from @param {number} to */
export function peakBetween({ values, rate }, from, to) {
  let peak = 0;
  const last = Math.min(Math.ceil(to * rate), values.length - 1);
  for (let i = Math.max(Math.floor(from * rate), 0); i <= last; i++) {
    if (values[i] > peak) peak = values[i];
  }
  return peak;
}

/** How loud a hit is: the peak just after its onset. @param {Curve} curve @param {number} onset */
export function hitLevel(curve, onset) {
  return peakBetween(curve, onset, onset + 0.05);
}

/** Index of the first number at or after another. @param {Float64Array} sorted @param {number} least */
export function firstFrom(sorted, least) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the onset nearest to a time, or -1. @param {Float64Array} onsets @param {number} time */
export function nearestOnset(onsets, time) {
  const after = firstFrom(onsets, time);
  if (after === 0) return onsets.length ? 0 : -1;
  if (after === onsets.length) return after - 1;
  return onsets[after] - time < time - onsets[after - 1] ? after : after - 1;
}

/** @param {Curve} curve @returns {Curve} one that shares nothing with it */
export function copyCurve({ values, rate, onsets, pan, hits }) {
  return { values: values.slice(), rate, onsets: onsets.slice(), ...(pan && { pan: pan.slice() }), ...(hits && { hits: new Map(hits) }) };
}

/**
 * The change from a curve to new values from frame `first` on, and a new list of onsets. Frames
 * that stay as they are at either end are left out. Without `hits` those of onsets that stay do, too.
 * @param {Curve} curve @param {number} first @param {Float32Array | Float64Array} values
 * @param {Iterable<number>} [onsets] @param {Hits} [hits] @returns {Change}
 */
export function changeTo(curve, first, values, onsets, hits) {
  const next = new Float32Array(values.length);
  for (let i = 0; i < next.length; i++) next[i] = Math.min(Math.max(values[i], 0) || 0, LOUDEST);
  const old = curve.values;
  let low = Math.max(-first, 0);
  let high = Math.min(next.length, old.length - first);
  while (low < high && next[low] === old[first + low]) low++;
  while (high > low && next[high - 1] === old[first + high - 1]) high--;
  return {
    first: first + low,
    values: next.slice(low, high),
    ...onsetsBetween(curve.onsets, onsets),
    ...(hits && { hits: hitsBetween(curve.hits ?? new Map(), hits) }),
  };
}

/** @param {Hits} old @param {Hits} next @returns {[number, Hit | null][]} */
function hitsBetween(old, next) {
  const times = [...new Set([...old.keys(), ...next.keys()])].filter((time) => old.get(time) !== next.get(time));
  return times.map((time) => [time, next.get(time) ?? null]);
}

/** @param {Float64Array} old @param {Iterable<number>} [onsets] */
function onsetsBetween(old, onsets) {
  const removed = [];
  const added = [];
  if (onsets) {
    const next = Float64Array.from(onsets).sort();
    let i = 0;
    let j = 0;
    while (i < old.length || j < next.length) {
      if (i < old.length && j < next.length && old[i] === next[j]) (i++, j++);
      else if (j === next.length || (i < old.length && old[i] < next[j])) removed.push(old[i++]);
      else added.push(next[j++]);
    }
  }
  return { removed, added };
}

/** @param {Change} change */
export function isNothing(change) {
  return !change.values.length && !change.removed.length && !change.added.length && !change.hits?.length;
}

/**
 * Lays a change into the curve, in place, and returns the one that takes it back exactly.
 * @param {Curve} curve @param {Change} change @returns {Change}
 */
export function swap(curve, change) {
  const { first, values } = change;
  const before = curve.values.slice(first, first + values.length);
  curve.values.set(values, first);
  if (change.removed.length || change.added.length) {
    const onsets = Array.from(curve.onsets);
    for (const time of change.removed) onsets.splice(onsets.indexOf(time), 1);
    curve.onsets = Float64Array.from([...onsets, ...change.added]).sort();
  }
  const hits = swapHits(curve, change);
  return { first, values: before, removed: change.added, added: change.removed, ...(hits.length && { hits }) };
}

/** Once the onsets are as they shall be. @param {Curve} curve @param {Change} change @returns {[number, Hit | null][]} what was there */
function swapHits(curve, { removed, hits = [] }) {
  const gone = removed.filter((time) => curve.hits?.has(time) && !curve.onsets.includes(time));
  if (!gone.length && !hits.length) return [];
  const own = (curve.hits ??= new Map());
  /** @type {Hits} */ const before = new Map();
  for (const [time, hit] of [...gone.map((time) => /** @type {[number, null]} */ ([time, null])), ...hits]) {
    if (!before.has(time)) before.set(time, /** @type {any} */ (own.get(time) ?? null));
    if (hit) own.set(time, hit);
    else own.delete(time);
  }
  return [...before];
}

/** Seconds that a change touches. @param {Curve} curve @param {Change} change @returns {Region} */
export function extentOf({ rate }, { first, values, removed, added, hits = [] }) {
  const times = [...removed, ...added, ...hits.map(([time]) => time)];
  if (values.length) times.push(first / rate, (first + values.length) / rate);
  return { start: Math.min(...times), end: Math.max(...times) };
}
