/** Meters of the active layer and of the master, as text beside the layer's channel. */

import { toDb } from "../envelope/arithmetic.js";

const MODULE = "/static/mix/meter_worklet.js";
/** @typedef {{peak: number, truePeak: number, momentary: number, short: number, integrated: number}} Read */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Meters {
  /** @type {Map<string, AudioWorkletNode>} by the field that shows it */ #nodes = new Map();
  /** @type {Promise<void> | null} */ #loading = null;
  /** @type {AudioNode | null} what the layer's meter hears */ #heard = null;

  /** @param {import("../state/studio.js").Studio} studio @param {import("../sound/player.js").Player} player @param {import("./strips.js").Strips} strips */
  constructor(studio, player, strips) {
    this.studio = studio;
    this.player = player;
    this.strips = strips;
    byId("mix").addEventListener("toggle", () => this.#wire());
    studio.on("layers project", () => this.#wire());
    studio.on("playing", () => this.reset());
  }

  /** They begin anew: integrated loudness is that of what is played from now on. */
  reset() {
    for (const node of this.#nodes.values()) node.port.postMessage("reset");
  }

  /** They run while they are shown. */
  async #wire() {
    if (!byId("mix").open || !this.studio.project) return;
    this.#loading ??= this.player.context.audioWorklet.addModule(MODULE);
    await this.#loading.catch(() => {});
    const layer = this.strips.of(this.studio.activeId).out;
    const node = this.#node("meter-layer");
    if (layer !== this.#heard) {
      this.#heard?.disconnect(node);
      layer.connect(node);
      this.#heard = layer;
      node.port.postMessage("reset");
    }
    this.#node("meter-master", this.player.out);
  }

  /** @param {string} field @param {AudioNode} [source] */
  #node(field, source) {
    let node = this.#nodes.get(field);
    if (!node) {
      node = new AudioWorkletNode(this.player.context, "folai-meter", { channelCount: 2, channelCountMode: "explicit" });
      node.port.onmessage = ({ data }) => (byId(field).textContent = textOf(data));
      node.connect(this.player.context.destination); // it gives silence, but only what is connected runs
      source?.connect(node);
      this.#nodes.set(field, node);
    }
    return node;
  }
}

/** @param {Read} read */
function textOf({ peak, truePeak, momentary, short, integrated }) {
  const [M, S, I] = [momentary, short, integrated].map((value) => (Number.isFinite(value) ? value.toFixed(1) : "–"));
  const [P, T] = [peak, truePeak].map((value) => (value > 1e-5 ? toDb(value).toFixed(1) : "–"));
  return `M ${M}  S ${S}  I ${I} LUFS  peak ${P}  true ${T} dB`;
}
