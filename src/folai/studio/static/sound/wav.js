/** WAV as the server sends it: PCM of 16 or 24 bit, read without resampling, to the sample. */

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
      const pcm = format === 1 || format === 0xfffe;
      if (pcm && bits === 24) return toBuffer(samplesOf24(new Uint8Array(bytes, at + 8, size)), channels, rate, context, 2 ** 31);
      if (!pcm || bits !== 16) throw new Error(`WAV of ${bits} bits; expected 16 or 24`);
      return toBuffer(new Int16Array(bytes, at + 8, size >> 1), channels, rate, context);
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

/** Each in the upper three bytes of 32 bits. @param {Uint8Array} bytes */
function samplesOf24(bytes) {
  return Int32Array.from({ length: Math.floor(bytes.length / 3) }, (_, i) => (bytes[3 * i] << 8) | (bytes[3 * i + 1] << 16) | (bytes[3 * i + 2] << 24));
}

/** @param {Int16Array | Int32Array} samples interleaved @param {number} channels @param {number} rate @param {BaseAudioContext} context @param {number} [full] what is 1 */
function toBuffer(samples, channels, rate, context, full = 32768) {
  const length = Math.floor(samples.length / channels);
  if (!length) return null;
  const buffer = context.createBuffer(channels, length, rate);
  for (let c = 0; c < channels; c++) {
    const out = buffer.getChannelData(c);
    for (let i = 0, at = c; i < length; i++, at += channels) out[i] = samples[at] / full;
  }
  return buffer;
}
