/** Meters of every layer and of the master, as text below the layer's channel. */

import { toDb } from "../envelope/arithmetic.js";

const MODULE = new URL("./meter_worklet.js", import.meta.url);
/** @typedef {{peak: number, truePeak: number, momentary: number, short: number, integrated: number}} Read */
/** @typedef {{node: AudioWorkletNode, field: HTMLOutputElement, name: HTMLElement, line: HTMLElement, heard: AudioNode | null}} Meter heard: what is connected to it */

const MASTER = "master";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Meters {
  /** @type {Map<string, Meter>} by layer, and the master */ #meters = new Map();
  /** @type {Promise<void> | null} */ #loading = null;
  /** @type {Map<string, Read>} the latest of each */ reads = new Map();

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
    for (const { node } of this.#meters.values()) node.port.postMessage("reset");
  }

  /** They run while they are shown. */
  async #wire() {
    const { studio } = this;
    const shown = byId("mix").open && studio.project !== null;
    if (shown) {
      this.#loading ??= this.player.context.audioWorklet.addModule(MODULE);
      await this.#loading.catch(() => {});
    }
    const wanted = byId("mix").open ? [...studio.layers.map(({ id }) => id), MASTER] : [];
    for (const id of [...this.#meters.keys()]) if (!wanted.includes(id)) this.#drop(id);
    for (const id of wanted) this.#show(id);
    byId("meters").replaceChildren(...wanted.map((id) => /** @type {Meter} */ (this.#meters.get(id)).line));
  }

  /** @param {string} id */
  #show(id) {
    const meter = this.#meters.get(id) ?? this.#made(id);
    const layer = this.studio.layers.find((one) => one.id === id);
    meter.name.textContent = layer?.name ?? "Master";
    meter.line.classList.toggle("current", id === this.studio.activeId);
    const source = layer ? this.strips.of(id).out : this.player.out;
    if (source === meter.heard) return;
    meter.heard?.disconnect(meter.node);
    source.connect(meter.node);
    meter.heard = source;
  }

  /** @param {string} id @returns {Meter} */
  #made(id) {
    const node = new AudioWorkletNode(this.player.context, "folai-meter", { channelCount: 2, channelCountMode: "explicit" });
    const [line, name, field] = [document.createElement("div"), document.createElement("span"), document.createElement("output")];
    [line.className, name.className, field.className] = ["line", "what", "meter"];
    line.append(name, field);
    node.port.onmessage = ({ data }) => {
      this.reads.set(id, data);
      field.textContent = textOf(data);
    };
    node.connect(this.player.context.destination); // it gives silence, but only what is connected runs
    const meter = { node, field, name, line, heard: null };
    this.#meters.set(id, meter);
    return meter;
  }

  /** @param {string} id */
  #drop(id) {
    const meter = this.#meters.get(id);
    meter?.heard?.disconnect(meter.node);
    meter?.node.disconnect();
    meter?.node.port.postMessage("end");
    this.#meters.delete(id);
    this.reads.delete(id);
  }
}

/** @param {Read} read */
function textOf({ peak, truePeak, momentary, short, integrated }) {
  const [M, S, I] = [momentary, short, integrated].map((value) => (Number.isFinite(value) ? value.toFixed(1) : "–"));
  const [P, T] = [peak, truePeak].map((value) => (value > 1e-5 ? toDb(value).toFixed(1) : "–"));
  return `M ${M}  S ${S}  I ${I} LUFS  peak ${P}  true ${T} dB`;
}
