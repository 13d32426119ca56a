/** Waveform and spectrogram of the sound that is heard, from whatever source can tell them. */

import { Tiles } from "./tiles.js";

/** @typedef {import("./axis.js").Axis} Axis */
/** @typedef {import("./canvas.js").Colours} Colours */
/**
 * Something that sounds. `key` changes with its content. Both answer for `start` to `end` seconds.
 * @typedef {{
 *   key: string,
 *   peaks: (start: number, end: number, count: number, signal: AbortSignal) => Promise<Int8Array>,
 *   spectrum: (start: number, end: number, width: number, height: number, signal: AbortSignal) => Promise<ImageBitmap>,
 * }} Sounding
 */

const COLUMNS = 512; // of a tile
const MELS = 96;
/** How tall a peak of 0 to 128 is drawn: quiet sounds are lifted, so that they can be seen. */
const TALL = Float64Array.from({ length: 129 }, (_, peak) => (Math.min(peak, 127) / 127) ** 0.65);

/** @param {Axis} axis @param {number} duration @returns {{n: number, level: number, start: number, span: number}[]} */
function tilesIn(axis, duration) {
  const level = Math.floor(Math.log2(axis.perPixel));
  const span = COLUMNS * 2 ** level;
  const tiles = [];
  for (let n = Math.floor(axis.start / span); n * span < Math.min(axis.end, duration); n++) {
    tiles.push({ n, level, start: n * span, span });
  }
  return tiles;
}

/** What was shown before stays until the tiles of a new sound have come. */
class Shown {
  #before = "";
  #now = "";

  /** @param {string} key of the sound to show now @returns {string} of the one before */
  turn(key) {
    if (key !== this.#now) [this.#before, this.#now] = [this.#now, key];
    return this.#before;
  }
}

export class WaveLane {
  #shown = new Shown();

  /** @param {() => void} arrived */
  constructor(arrived) {
    /** @type {Tiles<Int8Array>} */
    this.tiles = new Tiles(96, arrived);
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
   * @param {Sounding | null} source @param {Colours} colours
   */
  draw(context, axis, height, source, colours) {
    this.tiles.begin();
    context.fillStyle = colours["lane-line"];
    context.fillRect(0, Math.round(height / 2), axis.width, 1);
    context.fillStyle = colours.wave;
    for (const { n, level, start, span } of source ? tilesIn(axis, axis.duration) : []) {
      const own = /** @type {Sounding} */ (source);
      const before = this.#shown.turn(own.key);
      const fetch = (/** @type {AbortSignal} */ signal) => own.peaks(start, start + span, COLUMNS, signal);
      const peaks = this.tiles.get(`${own.key}/${level}/${n}`, fetch) ?? this.tiles.peek(`${before}/${level}/${n}`);
      if (peaks) drawPeaks(context, axis, height, peaks, start, span / COLUMNS);
    }
    this.tiles.end();
  }
}

/**
 * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
 * @param {Int8Array} peaks pairs @param {number} start @param {number} step seconds a pair
 */
export function drawPeaks(context, axis, height, peaks, start, step) {
  const middle = height / 2;
  const width = Math.max(step / axis.perPixel, 1);
  const first = Math.max(Math.floor((axis.start - start) / step), 0);
  const stop = Math.min(Math.ceil((axis.end - start) / step), peaks.length / 2);
  for (let i = first; i < stop; i++) {
    const [low, high] = [peaks[2 * i], peaks[2 * i + 1]];
    if (low === 0 && high === 0) continue;
    const top = middle - TALL[Math.max(high, 0)] * (middle - 1);
    const tall = (TALL[Math.max(high, 0)] + TALL[Math.max(-low, 0)]) * (middle - 1);
    context.fillRect(axis.toX(start + i * step), top, width, Math.max(tall, 1));
  }
}

export class SpectrumLane {
  #shown = new Shown();

  /** @param {() => void} arrived */
  constructor(arrived) {
    /** @type {Tiles<HTMLCanvasElement>} */
    this.tiles = new Tiles(48, arrived, 2);
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
   * @param {Sounding | null} source @param {Colours} colours
   */
  draw(context, axis, height, source, colours) {
    this.tiles.begin();
    for (const { n, level, start, span } of source ? tilesIn(axis, axis.duration) : []) {
      const own = /** @type {Sounding} */ (source);
      const end = `${colours["heat-0"]}/${level}/${n}`;
      const before = this.#shown.turn(own.key);
      const fetch = async (/** @type {AbortSignal} */ signal) =>
        tinted(await own.spectrum(start, start + span, COLUMNS, MELS, signal), colours);
      const tile = this.tiles.get(`${own.key}/${end}`, fetch) ?? this.tiles.peek(`${before}/${end}`);
      if (tile) context.drawImage(tile, axis.toX(start), 0, span / axis.perPixel, height);
    }
    this.tiles.end();
  }
}

/** Grey to the theme's heat. @param {ImageBitmap} grey @param {Colours} colours */
function tinted(grey, colours) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [grey.width, grey.height];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(grey, 0, 0);
  grey.close();
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const heat = heatOf(colours);
  for (let i = 0; i < image.data.length; i += 4) {
    const at = 3 * image.data[i];
    image.data[i] = heat[at];
    image.data[i + 1] = heat[at + 1];
    image.data[i + 2] = heat[at + 2];
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** 256 colours between the theme's five. @param {Colours} colours @returns {Uint8Array} */
function heatOf(colours) {
  const stops = [0, 1, 2, 3, 4].map((n) => {
    const number = parseInt(colours[`heat-${n}`].slice(1), 16);
    return [number >> 16, (number >> 8) & 255, number & 255];
  });
  const heat = new Uint8Array(3 * 256);
  for (let i = 0; i < 256; i++) {
    const place = Math.max((i / 255 - 0.12) / 0.88, 0) * 4; // below -80 dB there is nothing to see
    const k = Math.min(Math.floor(place), 3);
    for (let c = 0; c < 3; c++) heat[3 * i + c] = stops[k][c] + (place - k) * (stops[k + 1][c] - stops[k][c]);
  }
  return heat;
}
