/** Who is heard, and how loud: layers, takes, mute and solo, made into what the player wants. */

import { fromDb } from "../envelope/arithmetic.js";
import { Preview, fileSource, takeSounding } from "./sources.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../state/studio.js").Layer} Layer */

const STANDBY = 8; // takes that run along unheard, for switching at once

export class Mixer {
  /** @type {Map<string, import("./sources.js").Source>} of takes */ #sources = new Map();

  /** @type {() => Map<string, import("./player.js").Wanted>} what is heard beside the layers */ beside = () => new Map();

  /** @type {(layer: string) => AudioNode | undefined} where a layer's sound goes */ outOf = () => undefined;

  /** @param {Studio} studio @param {import("./player.js").Player} player */
  constructor(studio, player) {
    this.studio = studio;
    this.player = player;
    this.preview = new Preview(studio, player.context);
    studio.on("layers takes heard curve sound mix", () => this.update());
  }

  /** Tells the player what is to be heard now. */
  update() {
    const { studio } = this;
    if (!studio.project) return;
    const wanted = new Map();
    for (const layer of studio.layers) {
      const volume = this.volumeOf(layer);
      if (studio.heard === "preview") {
        const source = volume > 0 ? this.preview.of(layer) : null;
        if (source) wanted.set(`preview/${layer.id}`, { source, volume, out: this.outOf(layer.id) });
      } else this.#wantTakes(layer, volume, wanted);
    }
    for (const [key, beside] of this.beside()) wanted.set(key, beside);
    this.player.want(wanted);
  }

  /** @param {Layer} layer @param {number} volume @param {Map<string, any>} wanted */
  #wantTakes(layer, volume, wanted) {
    const { studio } = this;
    const chosen = studio.chosenTake(layer);
    const beside = layer.id === studio.activeId ? studio.takesOf(layer.id).slice(-STANDBY) : [];
    for (const take of new Set([chosen, ...beside])) {
      if (!take) continue;
      const strip = studio.strip(take.id);
      const heard = take === chosen && !strip.mute ? volume * fromDb(strip.gain_db) : 0;
      wanted.set(take.id, { source: this.sourceOf(take), volume: heard, out: this.outOf(layer.id) });
    }
  }

  /** @param {any} take */
  sourceOf(take) {
    let source = this.#sources.get(take.id);
    if (!source) {
      const path = `projects/${this.studio.project.id}/takes/${take.id}/audio`;
      source = fileSource(path, `take/${take.id}`, take.duration, this.player.context);
      this.#sources.set(take.id, source);
    }
    return source;
  }

  /** @param {Layer} layer @returns {number} linear, 0 where it is not heard */
  volumeOf(layer) {
    const solo = this.studio.layers.some((other) => other.solo);
    return layer.mute || (solo && !layer.solo) ? 0 : fromDb(layer.gain_db);
  }

  /** What the lanes of sound show. @returns {import("../timeline/sound_lanes.js").Sounding | null} */
  sounding() {
    const { studio } = this;
    const layer = studio.layer;
    if (!layer || !studio.project) return null;
    if (studio.heard === "preview") return this.preview.sounding(layer.id);
    const take = studio.chosenTake(layer);
    return take ? takeSounding(studio.project.id, take) : null;
  }

  /** Begins to make what is heard, so that it is there when it is asked for. */
  prepare() {
    const { studio } = this;
    if (studio.heard !== "preview" || studio.duration > 30) return;
    for (const layer of studio.layers) this.preview.of(layer)?.piece(0).catch(() => null);
  }
}
