/** What can be played: sound in pieces, fetched as they are needed, of which a few are kept. */

import { call, getBytes, sendJson } from "../net/api.js";
import { hitsOfPart } from "../envelope/hit_settings.js";
import { envelopeOf } from "../net/binary.js";
import { peaksOf, spectrumOf } from "./analysis.js";
import { readWav } from "./wav.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../envelope/curve.js").Curve} Curve */

const PIECE = 8; // seconds
const KEPT = 6; // pieces
export const WHOLE = 30; // seconds up to which a preview is made in one, so that hits sound the same each time
const LEAD = 0.5; // seconds a piece of a preview begins early, for the tails of hits before it

/** Sound in pieces of `pieceLength` seconds. */
export class Source {
  /** @type {Map<number, Promise<AudioBuffer | null>>} */ #pieces = new Map();

  /**
   * @param {string} key changes with the content @param {number} duration seconds
   * @param {number} pieceLength seconds
   * @param {(start: number, end: number) => Promise<AudioBuffer | null>} fetch
   */
  constructor(key, duration, pieceLength, fetch) {
    this.key = key;
    this.duration = duration;
    this.pieceLength = pieceLength;
    this.fetch = fetch;
  }

  /** @param {number} n @returns {Promise<AudioBuffer | null>} null: nothing there */
  piece(n) {
    const start = n * this.pieceLength;
    if (n < 0 || start >= this.duration) return Promise.resolve(null);
    let piece = this.#pieces.get(n);
    if (!piece) {
      piece = this.fetch(start, Math.min(start + this.pieceLength, this.duration));
      piece.catch(() => this.#pieces.delete(n));
      this.#pieces.set(n, piece);
      const oldest = this.#pieces.keys().next().value;
      if (this.#pieces.size > KEPT && oldest !== undefined) this.#pieces.delete(oldest);
    }
    return piece;
  }
}

/** @param {string} path of a WAV below /api that can be asked for in parts @param {string} key @param {number} duration @param {BaseAudioContext} context */
export function fileSource(path, key, duration, context) {
  return new Source(key, duration, PIECE, async (start, end) =>
    readWav(await getBytes(`${path}?start=${start}&end=${end}&bits=24`), context),
  );
}

/**
 * What the lanes show of a take. @param {string} project @param {any} take
 * @returns {import("../timeline/sound_lanes.js").Sounding}
 */
export function takeSounding(project, take) {
  return fileSounding(`projects/${project}/takes/${take.id}`, `take/${take.id}`);
}

/** What the lanes show of a file. @param {string} path below /api @param {string} key @returns {import("../timeline/sound_lanes.js").Sounding} */
export function fileSounding(path, key) {
  return {
    key,
    peaks: async (start, end, count, signal) =>
      new Int8Array(await getBytes(`${path}/peaks?start=${start}&end=${end}&count=${count}`, signal)),
    spectrum: async (start, end, width, height, signal) => {
      const query = `start=${start}&end=${end}&width=${width}&height=${height}`;
      return createImageBitmap(await (await call("GET", `${path}/spectrogram?${query}`, { signal })).blob());
    },
  };
}

/** The instant sound of a layer's envelope as it is now. */
export class Preview {
  /** @type {Map<string, {source: Source, buffer: AudioBuffer | null}>} the latest of each layer */ #latest = new Map();
  /** @type {Map<string, {key: string, buffer: AudioBuffer}>} the latest that is there */ #ready = new Map();

  /** @param {Studio} studio @param {BaseAudioContext} context */
  constructor(studio, context) {
    this.studio = studio;
    this.context = context;
  }

  /** @param {import("../state/studio.js").Layer} layer @returns {Source | null} */
  of(layer) {
    const drawn = this.studio.drawn.get(layer.id);
    const project = this.studio.project;
    if (!drawn || !project) return null;
    const key = `preview/${project.id}/${layer.id}/${drawn.version}/${JSON.stringify(layer.sound)}`;
    const known = this.#latest.get(layer.id)?.source;
    if (known?.key === key) return known;
    const { duration } = this.studio;
    const length = duration <= WHOLE ? duration : PIECE;
    const source = new Source(key, duration, length, async (start, end) => {
      const buffer = await this.#render(layer, drawn.curve, start, end);
      if (buffer && length === duration) {
        this.#ready.set(layer.id, { key, buffer });
        this.studio.emit("heard");
      }
      return buffer;
    });
    this.#latest.set(layer.id, { source, buffer: null });
    return source;
  }

  /** @param {import("../state/studio.js").Layer} layer @param {Curve} curve @param {number} start @param {number} end */
  async #render(layer, curve, start, end) {
    const { from, json } = this.#request(layer, curve, start, end);
    const response = await call("POST", `projects/${this.studio.project.id}/preview`, { json });
    const buffer = readWav(await response.arrayBuffer(), this.context);
    return buffer && from < start ? cropped(buffer, start - from, this.context) : buffer;
  }

  /**
   * What is asked of the server for a part, and where its sound begins.
   * @param {import("../state/studio.js").Layer} layer @param {Curve} curve @param {number} start @param {number} end
   */
  #request(layer, curve, start, end) {
    if (end - start >= this.studio.duration) return { from: 0, json: { envelope: envelopeOf(curve), sound: layer.sound } };
    const from = Math.max(start - LEAD, 0);
    return { from, json: { envelope: envelopeOf(partOf(curve, from, end)), part: true, peak: peakOf(curve), start: from, end, sound: layer.sound } };
  }

  /**
   * Which sound the hits around a time have in the preview, and which sounds there are: see API.md.
   * @param {import("../state/studio.js").Layer} layer @param {number} time @returns {Promise<{hits: {time: number, sound: number, foot: string | null}[], sounds: {start: number, like: number[]}[]}>}
   */
  async played(layer, time) {
    const { studio } = this;
    const drawn = studio.drawn.get(layer.id);
    const length = studio.duration <= WHOLE ? studio.duration : PIECE;
    const start = length * Math.floor(Math.min(time, studio.duration - 1e-3) / length);
    const { json } = this.#request(layer, /** @type {import("../state/studio.js").Drawn} */ (drawn).curve, start, Math.min(start + length, studio.duration));
    return sendJson("POST", `projects/${studio.project.id}/hits`, json);
  }

  /** What the lanes show: the latest that is ready. @param {string} layer @returns {import("../timeline/sound_lanes.js").Sounding | null} */
  sounding(layer) {
    const ready = this.#ready.get(layer);
    if (!ready) return null;
    const { key, buffer } = ready;
    return {
      key,
      peaks: async (start, end, count) => peaksOf(buffer, start, end, count),
      spectrum: (start, end, width, height, signal) => spectrumOf(buffer, start, end, width, height, signal),
    };
  }
}

/** The highest value of a curve. @param {Curve} curve */
function peakOf({ values }) {
  return values.reduce((peak, value) => Math.max(peak, value), 0);
}

/** @param {Curve} curve @param {number} start @param {number} end seconds @returns {Curve} its clock starting at `start` */
export function partOf(curve, start, end) {
  const { values, rate, onsets, pan } = curve;
  const first = Math.round(start * rate);
  const inside = onsets.filter((time) => time >= start && time < end).map((time) => time - start);
  const last = Math.max(Math.round(end * rate), first + 1);
  return { values: values.slice(first, last), rate, onsets: inside, hits: hitsOfPart(curve, start, end), ...(pan && { pan: pan.slice(first, last) }) };
}

/** @param {AudioBuffer} buffer @param {number} seconds to leave out at its beginning @param {BaseAudioContext} context */
function cropped(buffer, seconds, context) {
  const first = Math.round(seconds * buffer.sampleRate);
  const kept = context.createBuffer(buffer.numberOfChannels, Math.max(buffer.length - first, 1), buffer.sampleRate);
  for (let c = 0; c < buffer.numberOfChannels; c++) {
    kept.copyToChannel(buffer.getChannelData(c).subarray(first), c);
  }
  return kept;
}
