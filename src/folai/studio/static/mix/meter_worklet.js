/**
 * Measures what passes: highest sample, true peak (ITU-R BS.1770-4, annex 2: four times oversampled),
 * and loudness, K-weighted: momentary over 0.4 s, short over 3 s, integrated with its gates.
 */

const STEP = 0.1; // seconds of a step of loudness
const OFFSET = -0.691; // dB
const [PHASES, REACH] = [4, 16];

/** Interpolation between samples: a windowed sinc for each phase but the first. */
const BETWEEN = Array.from({ length: PHASES - 1 }, (_, phase) =>
  Float64Array.from({ length: 2 * REACH }, (_, n) => {
    const t = n - REACH + 1 - (phase + 1) / PHASES;
    return (Math.sin(Math.PI * t) / (Math.PI * t)) * Math.cos((Math.PI * t) / (2 * REACH)) ** 2;
  }),
);

/** The two filters of the standard, at any rate. @param {number} rate */
function weighting(rate) {
  const shelf = { k: Math.tan((Math.PI * 1681.974450955533) / rate), q: 0.7071752369554196, high: 1.584864701130855 };
  const middle = shelf.high ** 0.4996667741545416;
  const a0 = 1 + shelf.k / shelf.q + shelf.k ** 2;
  const first = {
    b: [(shelf.high + (middle * shelf.k) / shelf.q + shelf.k ** 2) / a0, (2 * (shelf.k ** 2 - shelf.high)) / a0, (shelf.high - (middle * shelf.k) / shelf.q + shelf.k ** 2) / a0],
    a: [(2 * (shelf.k ** 2 - 1)) / a0, (1 - shelf.k / shelf.q + shelf.k ** 2) / a0],
  };
  const [k, q] = [Math.tan((Math.PI * 38.13547087602444) / rate), 0.5003270373238773];
  const c0 = 1 + k / q + k ** 2;
  return [first, { b: [1, -2, 1], a: [(2 * (k ** 2 - 1)) / c0, (1 - k / q + k ** 2) / c0] }];
}

class Meter extends AudioWorkletProcessor {
  constructor() {
    super();
    this.filters = weighting(sampleRate);
    this.step = Math.round(STEP * sampleRate);
    this.reset();
    this.running = true;
    this.port.onmessage = ({ data }) => (data === "end" ? (this.running = false) : this.reset());
  }

  reset() {
    this.memory = [0, 1].map(() => this.filters.map(() => [0, 0]));
    this.before = [0, 1].map(() => new Float64Array(2 * REACH));
    this.peak = 0;
    this.truePeak = 0;
    this.power = 0;
    this.count = 0;
    /** @type {number[]} */ this.steps = [];
  }

  /** @param {Float32Array[][]} inputs */
  process([input]) {
    const length = input[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      for (let c = 0; c < input.length; c++) this.take(c, input[c][i]);
      if (++this.count < this.step) continue;
      this.steps.push(this.power / this.step);
      this.power = this.count = 0;
      if (this.steps.length % 2 === 0) this.tell();
    }
    return this.running;
  }

  /** @param {number} channel @param {number} sample */
  take(channel, sample) {
    this.peak = Math.max(this.peak, Math.abs(sample));
    const before = this.before[channel];
    before.copyWithin(0, 1);
    before[before.length - 1] = sample;
    if (Math.abs(before[REACH - 1]) > 0.5 * this.truePeak || Math.abs(before[REACH]) > 0.5 * this.truePeak) this.lookBetween(before);
    let weighted = sample;
    this.filters.forEach(({ b, a }, n) => {
      const memory = this.memory[channel][n];
      const out = b[0] * weighted + memory[0];
      memory[0] = b[1] * weighted - a[0] * out + memory[1];
      memory[1] = b[2] * weighted - a[1] * out;
      weighted = out;
    });
    this.power += weighted * weighted;
  }

  /** @param {Float64Array} before */
  lookBetween(before) {
    this.truePeak = Math.max(this.truePeak, Math.abs(before[REACH - 1]));
    for (const weights of BETWEEN) {
      let value = 0;
      for (let n = 0; n < weights.length; n++) value += weights[n] * before[n];
      this.truePeak = Math.max(this.truePeak, Math.abs(value));
    }
  }

  tell() {
    const over = (/** @type {number} */ count) => loudness(mean(this.steps.slice(-count)));
    this.port.postMessage({ peak: this.peak, truePeak: Math.max(this.truePeak, this.peak), momentary: over(4), short: over(30), integrated: this.integrated() });
  }

  integrated() {
    const blocks = this.steps.slice(3).map((_, n) => mean(this.steps.slice(n, n + 4))).filter((power) => loudness(power) > -70);
    const gate = mean(blocks) / 10;
    return loudness(mean(blocks.filter((power) => power > gate)));
  }
}

/** @param {number[]} values */
function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
}

/** LUFS. @param {number} power */
function loudness(power) {
  return OFFSET + 10 * Math.log10(power);
}

registerProcessor("folai-meter", Meter);
