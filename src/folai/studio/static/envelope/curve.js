/**
 * The envelope as the page holds it, and the one way it changes.
 *
 * `values[i]` is the RMS of a window centred at `i / rate` seconds, on the clock of the first
 * picture: the same as `folai.Envelope`. An edit is a pure function from a curve to a `Change`;
 * `swap` lays a change down and returns what was there, which is the change that undoes it.
 */

/**
 * `confidence`, of a prediction alone: how sure each value is, 0 to 1. `pan`: where it is heard, -1
 * left to 1 right; edits of the curve leave it as it is.
 * @typedef {{values: Float32Array, rate: number, onsets: Float64Array, confidence?: Float32Array, pan?: Float32Array}} Curve
 */
/**
 * `values` stand from frame `first` on; of the onsets some go and some come, in seconds.
 * @typedef {{first: number, values: Float32Array, removed: number[], added: number[]}} Change
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

/** Index of the first onset at or after a time. @param {Float64Array} onsets @param {number} time */
export function firstOnsetFrom(onsets, time) {
  let low = 0;
  let high = onsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (onsets[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the onset nearest to a time, or -1. @param {Float64Array} onsets @param {number} time */
export function nearestOnset(onsets, time) {
  const after = firstOnsetFrom(onsets, time);
  if (after === 0) return onsets.length ? 0 : -1;
  if (after === onsets.length) return after - 1;
  return onsets[after] - time < time - onsets[after - 1] ? after : after - 1;
}

/** @param {Curve} curve @returns {Curve} one that shares nothing with it */
export function copyCurve({ values, rate, onsets, pan }) {
  return { values: values.slice(), rate, onsets: onsets.slice(), ...(pan && { pan: pan.slice() }) };
}

/**
 * The change from a curve to new values from frame `first` on, and a new list of onsets. Frames
 * that stay as they are at either end are left out.
 * @param {Curve} curve @param {number} first @param {Float32Array | Float64Array} values
 * @param {Iterable<number>} [onsets] @returns {Change}
 */
export function changeTo(curve, first, values, onsets) {
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
  };
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
  return !change.values.length && !change.removed.length && !change.added.length;
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
  return { first, values: before, removed: change.added, added: change.removed };
}

/** Seconds that a change touches. @param {Curve} curve @param {Change} change @returns {Region} */
export function extentOf({ rate }, { first, values, removed, added }) {
  const times = [...removed, ...added];
  if (values.length) times.push(first / rate, (first + values.length) / rate);
  return { start: Math.min(...times), end: Math.max(...times) };
}
