/** What edits are made of: the arithmetic of `folai.rms` and of the masks of `folai.envelope`. */

import { WINDOW } from "./curve.js";

/** @param {number} db @returns {number} */
export function fromDb(db) {
  return 10 ** (db / 20);
}

/** @param {number} level linear @returns {number} dB, -Infinity for silence */
export function toDb(level) {
  return 20 * Math.log10(level);
}

/**
 * Squared RMS that a hit would measure at these times from its onset: amplitude rising for `attack`
 * seconds, then e^(-t / decay); the mean over the centred window in closed form.
 * @param {Float64Array} offsets seconds from the onset @param {number} level its peak RMS
 */
export function hitPower(offsets, level, attack = 0.005, decay = 0.08) {
  /** Integral of amplitude squared from the onset to t. @param {number} t */
  const energy = (t) =>
    Math.min(Math.max(t, 0), attack) ** 3 / (3 * attack ** 2) -
    (decay / 2) * Math.expm1((-2 * Math.max(t - attack, 0)) / decay);
  /** @param {number} t */
  const windowed = (t) => energy(t + WINDOW / 2) - energy(t - WINDOW / 2);
  let peak = 0;
  for (let i = 0; i < 200; i++) {
    peak = Math.max(peak, windowed((i / 199) * (WINDOW / 2 + attack)));
  }
  return offsets.map((t) => (level ** 2 / peak) * windowed(t));
}

/**
 * Blurs frames `from` to `to` with a Gaussian of `sigma` frames, looking beyond them; mirrored at
 * the ends of the whole, which keeps the mean.
 * @param {Float32Array} values @param {number} from @param {number} to not included
 * @param {number} sigma
 */
export function gaussianSmooth(values, from, to, sigma) {
  const smooth = Float64Array.from(values.subarray(from, to));
  if (sigma < 0.1) return smooth;
  const radius = Math.ceil(4 * sigma);
  const kernel = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp(-0.5 * (i / sigma) ** 2));
  const total = 2 * kernel.reduce((sum, weight) => sum + weight, 0) - kernel[0];
  const last = values.length;
  /** @param {number} i */
  const mirrored = (i) => {
    while (i < 0 || i >= last) i = i < 0 ? -1 - i : 2 * last - 1 - i;
    return values[i];
  };
  for (let i = from; i < to; i++) {
    let sum = kernel[0] * values[i];
    for (let k = 1; k <= radius; k++) sum += kernel[k] * (mirrored(i - k) + mirrored(i + k));
    smooth[i - from] = sum / total;
  }
  return smooth;
}

/**
 * How much each frame from `first` on belongs to a region: 1 inside, falling to 0 over `fade`
 * seconds outside of it.
 * @param {import("./curve.js").Region} region @param {number} first @param {number} count
 * @param {number} rate @param {number} fade
 */
export function regionMask({ start, end }, first, count, rate, fade) {
  return Float64Array.from({ length: count }, (_, i) => {
    const t = (first + i) / rate;
    const outside = Math.max(start - t, t - end, 0);
    return Math.max(1 - outside / Math.max(fade, 1e-9), 0);
  });
}
