/** Peaks and spectrogram of sound that is in the page, as the server gives them for takes. */

const SIZE = 1024; // samples of a transform
const LOWEST = -90; // dB, black

/**
 * @param {AudioBuffer} buffer @param {number} start @param {number} end seconds @param {number} count
 * @returns {Int8Array} `count` pairs (lowest, highest), all channels together
 */
export function peaksOf(buffer, start, end, count) {
  const peaks = new Int8Array(2 * count);
  const step = ((end - start) * buffer.sampleRate) / count;
  for (let c = 0; c < buffer.numberOfChannels; c++) {
    const samples = buffer.getChannelData(c);
    for (let k = 0; k < count; k++) {
      const first = Math.max(Math.floor(start * buffer.sampleRate + k * step), 0);
      const stop = Math.min(Math.max(Math.floor(first + step), first + 1), samples.length);
      let [low, high] = [0, 0];
      for (let i = first; i < stop; i++) {
        if (samples[i] < low) low = samples[i];
        else if (samples[i] > high) high = samples[i];
      }
      peaks[2 * k] = Math.min(peaks[2 * k], Math.max(low, -1) * 127);
      peaks[2 * k + 1] = Math.max(peaks[2 * k + 1], Math.min(high, 1) * 127);
    }
  }
  return peaks;
}

/**
 * Grey picture: black -90 dB, white 0 dB; mel scale, low at the bottom. It lets other work in
 * between, and ends early when it is not wanted any more.
 * @param {AudioBuffer} buffer @param {number} start @param {number} end seconds
 * @param {number} width @param {number} height @param {AbortSignal} signal @returns {Promise<ImageBitmap>}
 */
export async function spectrumOf(buffer, start, end, width, height, signal) {
  const image = new ImageData(width, height);
  new Uint32Array(image.data.buffer).fill(0xff000000);
  const samples = buffer.getChannelData(0);
  const rows = melRows(height, buffer.sampleRate);
  const [re, im] = [new Float64Array(SIZE), new Float64Array(SIZE)];
  for (let x = 0; x < width; x++) {
    if (x % 32 === 31) await new Promise((done) => setTimeout(done));
    signal.throwIfAborted();
    const middle = (start + ((x + 0.5) * (end - start)) / width) * buffer.sampleRate;
    const first = Math.floor(middle - SIZE / 2);
    if (first > samples.length || first < -SIZE) continue;
    for (let i = 0; i < SIZE; i++) {
      re[i] = (samples[first + i] ?? 0) * WINDOW[i];
      im[i] = 0;
    }
    transform(re, im);
    paint(image, x, rows, re, im);
  }
  return createImageBitmap(image);
}

/** @param {ImageData} image @param {number} x @param {Int32Array} rows @param {Float64Array} re @param {Float64Array} im */
function paint(image, x, rows, re, im) {
  const { width, height, data } = image;
  for (let row = 0; row < height; row++) {
    let power = 0;
    for (let bin = rows[row]; bin <= Math.max(rows[row + 1] - 1, rows[row]); bin++) {
      power = Math.max(power, re[bin] ** 2 + im[bin] ** 2);
    }
    const db = 10 * Math.log10(power * (4 / SIZE) ** 2 + 1e-12); // a sine of full scale is 0 dB
    const at = 4 * ((height - 1 - row) * width + x);
    data.fill(Math.min(Math.max((db - LOWEST) / -LOWEST, 0), 1) * 255, at, at + 3);
  }
}

/** First bin of each row, and of the one after the last. @param {number} height @param {number} sampleRate */
function melRows(height, sampleRate) {
  const highest = 2595 * Math.log10(1 + sampleRate / 2 / 700);
  return Int32Array.from({ length: height + 1 }, (_, row) => {
    const hertz = 700 * (10 ** ((highest * row) / height / 2595) - 1);
    return Math.min(Math.round((hertz / sampleRate) * SIZE), SIZE / 2);
  });
}

const WINDOW = Float64Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
const TURN = Float64Array.from({ length: SIZE }, (_, i) => Math.cos((-2 * Math.PI * i) / SIZE));
const LIFT = Float64Array.from({ length: SIZE }, (_, i) => Math.sin((-2 * Math.PI * i) / SIZE));

/** The Fourier transform in place (Cooley and Tukey, 1965). @param {Float64Array} re @param {Float64Array} im */
function transform(re, im) {
  for (let i = 1, j = 0; i < SIZE; i++) {
    let bit = SIZE >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let span = 1; span < SIZE; span <<= 1) {
    const stride = SIZE / (2 * span);
    for (let from = 0; from < SIZE; from += 2 * span) {
      for (let k = 0; k < span; k++) {
        const [a, b] = [from + k, from + k + span];
        const [c, s] = [TURN[k * stride], LIFT[k * stride]];
        const [x, y] = [re[b] * c - im[b] * s, re[b] * s + im[b] * c];
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}
