/**
 * A hit is heard when it is asked for. And what an edit has done is heard at once: the preview of the curve around it, as soon as it is let
 * go. The time from there to the sound is a `performance` measure named "edit-to-preview".
 */

import { fromDb } from "../envelope/arithmetic.js";
import { WHOLE } from "./sources.js";

const BEFORE = 0.15; // seconds heard before the edit
const AFTER = 0.6; // and after it
const LONGEST = 4;
const LEAD = 0.02; // seconds before a hit that is heard alone

export class Audition {
  #turn = 0;
  /** @type {() => void} */ #stop = () => {};

  /**
   * @param {import("../state/studio.js").Studio} studio @param {import("./player.js").Player} player
   * @param {import("./mixer.js").Mixer} mixer
   */
  constructor(studio, player, mixer) {
    this.studio = studio;
    this.player = player;
    this.mixer = mixer;
    studio.on("curve", ({ layer, extent }) => extent && this.#hear(layer, extent));
    studio.on("draft", () => this.silence());
  }

  silence() {
    this.#turn++;
    this.#stop();
  }

  /** The chosen hit alone, until the next one begins: of the take, where takes are heard. */
  async hit() {
    const { studio, player, mixer } = this;
    const { curve, layer, hitIndex } = studio;
    const take = layer && studio.heard === "takes" ? studio.chosenTake(layer) : null;
    const source = take ? mixer.sourceOf(take) : layer && mixer.preview.of(layer);
    if (!curve || !layer || !source || hitIndex < 0) return;
    const turn = ++this.#turn;
    const from = Math.max(curve.onsets[hitIndex] - LEAD, 0);
    const n = Math.floor(from / source.pieceLength);
    player.context.resume();
    const buffer = await source.piece(n).catch(() => null);
    if (!buffer || turn !== this.#turn) return;
    this.#stop();
    const length = Math.min((curve.onsets[hitIndex + 1] ?? Infinity) - LEAD - from, LONGEST);
    const volume = mixer.volumeOf(layer) * (take ? fromDb(studio.strip(take.id).gain_db) : 1);
    this.#stop = player.once(buffer, from - n * source.pieceLength, Math.max(length, LEAD), volume, mixer.outOf(layer.id));
    performance.mark("hit-heard");
  }

  /** @param {string} id @param {import("../envelope/curve.js").Region} extent of the edit, seconds */
  async #hear(id, { start, end }) {
    const { studio, player, mixer } = this;
    const layer = studio.layers.find((one) => one.id === id);
    const source = layer && mixer.preview.of(layer);
    if (!source || !studio.hearEdits || player.position !== null) return;
    const began = performance.now();
    const turn = ++this.#turn;
    const from = Math.max(start - BEFORE, 0);
    const n = Math.floor(from / source.pieceLength);
    player.context.resume();
    const buffer = await source.piece(n).catch(() => null);
    if (!buffer || turn !== this.#turn) return;
    this.#stop();
    const length = Math.min(end - from + AFTER, LONGEST);
    this.#stop = player.once(buffer, from - n * source.pieceLength, length, mixer.volumeOf(layer), mixer.outOf(layer.id));
    const heard = 1000 * (player.context.baseLatency || 0);
    performance.measure("edit-to-preview", { start: began, end: performance.now() + heard });
    // A long clip is heard piece by piece: an edit that reaches over a seam is heard up to it.
    if (studio.duration > WHOLE) performance.mark("preview-in-pieces");
  }
}
