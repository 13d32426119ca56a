/** The strip of frames: pictures at even steps of time, as wide as their time. */

import { call } from "../net/api.js";
import { Tiles } from "./tiles.js";

const TILE = 8; // pictures fetched at a time
const HEIGHT = 64; // pixels they are fetched at

export class FramesLane {
  #clip = { duration: 1, fps: 25, width: 16, height: 9 };
  #path = "";

  /** @param {() => void} arrived */
  constructor(arrived) {
    /** @type {Tiles<ImageBitmap>} */
    this.tiles = new Tiles(160, arrived, 2);
  }

  /** @param {any} project */
  open(project) {
    this.tiles.clear();
    this.#clip = project.clip;
    this.#path = `projects/${project.id}/strip`;
  }

  /** @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {number} height */
  draw(context, axis, height) {
    if (!this.#path) return;
    const { duration, fps, width, height: rows } = this.#clip;
    const wide = Math.max((height * width) / rows, 8);
    const level = Math.max(Math.floor(Math.log2(wide * axis.perPixel * fps)), 0);
    const step = 2 ** level / fps; // seconds a picture stands for
    const span = step * TILE;
    this.tiles.begin();
    for (let n = Math.floor(axis.start / span); n * span < Math.min(axis.end, duration); n++) {
      const query = `start=${n * span}&end=${(n + 1) * span}&count=${TILE}&height=${HEIGHT}`;
      const tile = this.tiles.get(`${level}/${n}`, (signal) => fetchStrip(`${this.#path}?${query}`, signal));
      if (tile) this.#lay(context, axis, tile, { height, start: n * span, step, wide });
    }
    this.tiles.end();
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis
   * @param {ImageBitmap} tile @param {{height: number, start: number, step: number, wide: number}} place
   */
  #lay(context, axis, tile, { height, start, step, wide }) {
    const own = tile.width / TILE;
    for (let k = 0; k < TILE && start + k * step < this.#clip.duration; k++) {
      const x = axis.toX(start + k * step);
      const slot = Math.min(step / axis.perPixel, wide);
      if (x + slot < 0 || x > axis.width) continue;
      const kept = (own * slot) / wide; // the middle of the picture, as wide as its slot
      const left = k * own + (own - kept) / 2;
      context.drawImage(tile, left, 0, kept, tile.height, x, 0, Math.max(slot - 1, 1), height);
    }
  }
}

/** @param {string} path @param {AbortSignal} signal */
async function fetchStrip(path, signal) {
  return createImageBitmap(await (await call("GET", path, { signal })).blob());
}
