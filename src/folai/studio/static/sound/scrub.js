/** The sound under the playhead while it is dragged or stepped: a short grain of what is heard there. */

const GRAIN = 0.09; // seconds
const EVERY = 45; // ms between two grains: they overlap by half, and their windows add up to one
const POINTS = 32; // of a window

const WINDOW = Float32Array.from({ length: POINTS }, (_, n) => Math.sin((Math.PI * n) / (POINTS - 1)) ** 2);

export class Scrub {
  #last = -Infinity;
  #timer = 0;
  /** Grains that were played, for tests. */
  count = 0;

  /** @param {import("../state/studio.js").Studio} studio @param {import("./player.js").Player} player */
  constructor(studio, player) {
    this.studio = studio;
    this.player = player;
    studio.on("stepped", () => this.#ask());
  }

  /** Where it stands last is heard, however fast it comes there. */
  #ask() {
    clearTimeout(this.#timer);
    const wait = this.#last + EVERY - performance.now();
    if (wait > 0) this.#timer = window.setTimeout(() => this.#hear(), wait);
    else this.#hear();
  }

  #hear() {
    const { player, studio } = this;
    if (player.position !== null) return; // it plays
    this.#last = performance.now();
    player.context.resume();
    for (const wanted of player.audible) this.#grain(wanted, studio.playhead);
  }

  /** @param {import("./player.js").Wanted} wanted @param {number} time seconds in its middle */
  async #grain({ source, volume, out }, time) {
    const { player } = this;
    const { context } = player;
    const n = Math.floor(time / source.pieceLength);
    const buffer = await source.piece(n).catch(() => null);
    if (!buffer || performance.now() - this.#last > 4 * EVERY) return; // too late for it
    const from = Math.max(time - n * source.pieceLength - GRAIN / 2, 0);
    const gain = context.createGain();
    const node = context.createBufferSource();
    gain.gain.value = 0;
    gain.gain.setValueCurveAtTime(WINDOW.map((value) => value * volume), context.currentTime, GRAIN);
    node.buffer = buffer;
    node.connect(gain).connect(out ?? player.out);
    node.start(0, from, GRAIN);
    node.onended = () => gain.disconnect();
    this.count++;
  }
}
