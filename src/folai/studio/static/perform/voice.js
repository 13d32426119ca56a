/** The microphone on the clock of the player: samples, and the time of the context at which the first came. */

const MODULE = new URL("./capture_worklet.js", import.meta.url);
const SILENT = 1e-4; // peak below which a microphone is taken for muted

export class Voice {
  /** @type {{stream: MediaStream, source: MediaStreamAudioSourceNode, node: AudioWorkletNode} | null} */ #open = null;
  /** @type {Map<number, Float32Array>} by frame of the context */ #blocks = new Map();
  /** @type {WeakSet<BaseAudioContext>} */ #loaded = new WeakSet();

  /** @param {AudioContext} context */
  constructor(context) {
    this.context = context;
  }

  /** Begins to listen. Rejects where the microphone is refused or missing. */
  async begin() {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    try {
      if (!this.#loaded.has(this.context)) await this.context.audioWorklet.addModule(MODULE);
      this.#loaded.add(this.context);
      await this.context.resume();
      const source = this.context.createMediaStreamSource(stream);
      const node = new AudioWorkletNode(this.context, "folai-capture", { channelCount: 1, channelCountMode: "explicit" });
      this.#blocks.clear();
      node.port.onmessage = ({ data }) => this.#blocks.set(data.frame, data.samples);
      source.connect(node).connect(this.context.destination); // it gives silence, but only what is connected runs
      this.#open = { stream, source, node };
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  /** Whether the microphone went while it was used. */
  get gone() {
    return Boolean(this.#open?.stream.getAudioTracks().every(({ readyState }) => readyState === "ended"));
  }

  /** Ends, and returns what was heard; null: nothing but silence. @returns {Heard | null} */
  end() {
    const open = this.#open;
    this.#open = null;
    open?.source.disconnect();
    open?.node.disconnect();
    open?.node.port.close();
    for (const track of open?.stream.getTracks() ?? []) track.stop();
    const frames = [...this.#blocks.keys()].sort((a, b) => a - b);
    if (!frames.length) return null;
    const last = frames[frames.length - 1];
    const samples = new Float32Array(last - frames[0] + (this.#blocks.get(last)?.length ?? 0));
    for (const [frame, block] of this.#blocks) samples.set(block, frame - frames[0]);
    this.#blocks.clear();
    const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return peak < SILENT ? null : { samples, rate: this.context.sampleRate, at: frames[0] / this.context.sampleRate };
  }
}

/** @typedef {{samples: Float32Array, rate: number, at: number}} Heard `at`: time of the context of the first sample */

/** The part of what was heard from one time of the context to another; silence where there was nothing. @param {Heard} heard @param {number} from @param {number} to */
export function between({ samples, rate, at }, from, to) {
  const first = Math.round((from - at) * rate);
  const part = new Float32Array(Math.max(Math.round((to - from) * rate), 1));
  const begin = Math.max(first, 0);
  const kept = samples.subarray(begin, Math.max(first + part.length, begin));
  part.set(kept.subarray(0, Math.max(part.length - (begin - first), 0)), Math.min(begin - first, part.length));
  return part;
}

/** A WAV file of 16 bit, scaled to full. @param {Float32Array} samples @param {number} rate @returns {Blob} */
export function wavOf(samples, rate) {
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  const bytes = new ArrayBuffer(44 + 2 * samples.length);
  const view = new DataView(bytes);
  const text = (/** @type {number} */ at, /** @type {string} */ word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round((32000 * value) / peak), true));
  return new Blob([bytes], { type: "audio/wav" });
}
