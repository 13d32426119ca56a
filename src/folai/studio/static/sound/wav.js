/** WAV as the server sends it: PCM of 16 bit, read without resampling, to the sample. */

/**
 * @param {ArrayBuffer} bytes @param {BaseAudioContext} context @returns {AudioBuffer | null} null where it is empty
 */
export function readWav(bytes, context) {
  const view = new DataView(bytes);
  let [channels, rate, bits, format] = [1, 44100, 16, 1];
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const name = view.getUint32(at);
    const size = Math.min(view.getUint32(at + 4, true), bytes.byteLength - at - 8);
    if (name === 0x666d7420) {
      // "fmt "
      format = view.getUint16(at + 8, true);
      channels = view.getUint16(at + 10, true);
      rate = view.getUint32(at + 12, true);
      bits = view.getUint16(at + 22, true);
    } else if (name === 0x64617461) {
      // "data"
      if (bits !== 16 || (format !== 1 && format !== 0xfffe)) throw new Error(`WAV of ${bits} bits; expected 16`);
      return toBuffer(new Int16Array(bytes, at + 8, size >> 1), channels, rate, context);
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

/** @param {Int16Array} samples interleaved @param {number} channels @param {number} rate @param {BaseAudioContext} context */
function toBuffer(samples, channels, rate, context) {
  const length = Math.floor(samples.length / channels);
  if (!length) return null;
  const buffer = context.createBuffer(channels, length, rate);
  for (let c = 0; c < channels; c++) {
    const out = buffer.getChannelData(c);
    for (let i = 0, at = c; i < length; i++, at += channels) out[i] = samples[at] / 32768;
  }
  return buffer;
}
