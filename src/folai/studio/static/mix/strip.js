/**
 * A layer's channel as audio nodes: equaliser, pan, room. `folai.studio.mix.channel` computes the same
 * for the export, so that it sounds as it does here.
 */

import { fromDb } from "../envelope/arithmetic.js";

/** @typedef {import("../state/studio.js").Channel} Channel */
/** @typedef {{left: Float32Array, right: Float32Array, energy: number}} Response of a room; energy: the mean of both sides */

export const FLAT = { pan: 0, low_db: 0, mid_db: 0, mid_hz: 1000, high_db: 0, room: null, distance: 2, wet_db: 0 };
const [LOW_HZ, HIGH_HZ, MID_Q] = [150, 4000, 0.9];
const SMOOTH = 0.01; // seconds in which a change is most of the way

/** @param {ArrayBuffer} bytes as the server sends it @returns {Response} */
export function responseOf(bytes) {
  const both = new Float32Array(bytes);
  const half = both.length / 2;
  const energy = both.reduce((sum, value) => sum + value * value, 0) / 2;
  return { left: both.slice(0, half), right: both.slice(half), energy };
}

export class Strip {
  /** @type {Response | null} that the convolver has */ #response = null;
  #connected = false;

  /** @param {BaseAudioContext} context @param {AudioNode} out */
  constructor(context, out) {
    this.context = context;
    this.input = context.createGain();
    this.out = context.createGain();
    this.low = filter(context, "lowshelf", LOW_HZ);
    this.mid = filter(context, "peaking", 1000);
    this.high = filter(context, "highshelf", HIGH_HZ);
    this.mid.Q.value = MID_Q;
    // Both sides are there before the pan, so that mono and stereo obey one law.
    this.pan = new StereoPannerNode(context, { channelCount: 2, channelCountMode: "explicit" });
    this.direct = context.createGain();
    this.room = new ConvolverNode(context, { disableNormalization: true });
    this.wet = context.createGain();
    this.input.connect(this.low).connect(this.mid).connect(this.high).connect(this.pan).connect(this.direct).connect(this.out);
    this.room.connect(this.wet).connect(this.out);
    this.out.connect(out);
  }

  /** @param {Channel | null | undefined} channel @param {Response | null} response of its room @param {boolean} [soft] a change while it plays */
  set(channel, response, soft = false) {
    const { pan, low_db, mid_db, mid_hz, high_db, wet_db } = { ...FLAT, ...channel };
    const put = (/** @type {AudioParam} */ param, /** @type {number} */ value) =>
      soft ? param.setTargetAtTime(value, this.context.currentTime, SMOOTH) : (param.value = value);
    put(this.low.gain, low_db);
    put(this.mid.gain, mid_db);
    put(this.mid.frequency, mid_hz);
    put(this.high.gain, high_db);
    put(this.pan.pan, pan);
    const wet = fromDb(wet_db);
    const direct = response ? 1 / Math.sqrt(1 + wet ** 2 * response.energy) : 1;
    put(this.direct.gain, direct / Math.sqrt(1 + Math.sin((Math.abs(pan) * Math.PI) / 2)));
    put(this.wet.gain, response ? wet * direct : 0);
    this.#setRoom(response);
  }

  /** @param {Response | null} response */
  #setRoom(response) {
    if (response && response !== this.#response) {
      const buffer = this.context.createBuffer(2, response.left.length, this.context.sampleRate);
      buffer.copyToChannel(response.left, 0);
      buffer.copyToChannel(response.right, 1);
      this.room.buffer = buffer;
      this.#response = response;
    }
    if (Boolean(response) === this.#connected) return;
    this.#connected = Boolean(response);
    if (response) this.high.connect(this.room);
    else this.high.disconnect(this.room);
  }
}

/** @param {BaseAudioContext} context @param {BiquadFilterType} type @param {number} frequency Hz */
function filter(context, type, frequency) {
  return new BiquadFilterNode(context, { type, frequency, gain: 0 });
}
