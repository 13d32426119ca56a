/** The highest value of every 2^k frames, so that drawing a whole hour costs no more than a second. */

const STEP = 3; // each level halves the one before this many times

export class Pyramid {
  /** @type {Float32Array[]} */ #levels = [];
  #values;
  /** Another for each pyramid. */ id = crypto.randomUUID();
  /** How often its values have changed. */ changes = 0;

  /** @param {Float32Array} values watched, not copied: call `update` after changing them */
  constructor(values) {
    this.#values = values;
    for (let count = values.length >> STEP; count > 64; count >>= STEP) {
      this.#levels.push(new Float32Array(count + 1));
    }
    this.update(0, values.length);
  }

  /** Frames `first` to `stop` have changed. @param {number} first @param {number} stop */
  update(first, stop) {
    this.changes++;
    let below = this.#values;
    for (const level of this.#levels) {
      first >>= STEP;
      stop = Math.min((stop >> STEP) + 1, level.length);
      for (let i = first; i < stop; i++) {
        let peak = 0;
        const end = Math.min((i + 1) << STEP, below.length);
        for (let j = i << STEP; j < end; j++) if (below[j] > peak) peak = below[j];
        level[i] = peak;
      }
      below = level;
    }
  }

  /** Highest of the values from `first` to `stop`, about: to one block. @param {number} first @param {number} stop */
  peak(first, stop) {
    let values = this.#values;
    for (const level of this.#levels) {
      if (stop - first < 2 << STEP) break;
      first >>= STEP;
      stop = (stop >> STEP) + 1;
      values = level;
    }
    let peak = 0;
    const end = Math.min(stop, values.length);
    for (let i = Math.max(first, 0); i < end; i++) if (values[i] > peak) peak = values[i];
    return peak;
  }
}
