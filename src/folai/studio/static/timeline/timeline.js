/** The lanes over one axis of time: sizes them, draws what changed, and says what is where. */

import { Axis } from "./axis.js";
import { cleared, readColours } from "./canvas.js";
import { drawEnvelope } from "./envelope_lane.js";
import { FramesLane } from "./frames_lane.js";
import { DrawLoop } from "./loop.js";
import { drawOverlay } from "./overlay.js";
import { drawOverview } from "./overview.js";
import { drawRuler } from "./ruler.js";
import { SpectrumLane, WaveLane } from "./sound_lanes.js";

/** @typedef {"ruler" | "frames" | "envelope" | "wave" | "spectrum" | "overview" | "overlay"} LaneName */
/** @type {LaneName[]} */
const LANES = ["ruler", "frames", "envelope", "wave", "spectrum", "overview", "overlay"];

/** @template T @param {(name: LaneName) => T} make @returns {Record<LaneName, T>} */
function each(make) {
  return /** @type {any} */ (Object.fromEntries(LANES.map((name) => [name, make(name)])));
}

export class Timeline {
  axis = new Axis();
  loop = new DrawLoop();
  /** @type {import("./overlay.js").Hover} */ hover = null;
  /** @type {() => import("./sound_lanes.js").Sounding | null} what the lanes of sound show */ sounding = () => null;
  /** @type {Record<LaneName, HTMLCanvasElement>} */ canvases;
  /** @type {Record<LaneName, {top: number, width: number, height: number}>} */ places;
  #colours = readColours();

  /** @param {HTMLElement} root with a canvas a lane @param {import("../state/studio.js").Studio} studio */
  constructor(root, studio) {
    this.root = root;
    this.studio = studio;
    this.canvases = each((name) => /** @type {HTMLCanvasElement} */ (root.querySelector(`canvas.${name}`)));
    this.places = each(() => ({ top: 0, width: 1, height: 1 }));
    this.#draws = each((name) => () => this.#draw(name));
    this.frames = new FramesLane(() => this.ask("frames"));
    this.wave = new WaveLane(() => this.ask("wave"));
    this.spectrum = new SpectrumLane(() => this.ask("spectrum"));
    this.axis.addEventListener("change", () => this.askAll());
    new ResizeObserver(() => this.#measure()).observe(root);
    studio.on("curve layers", () => this.ask("envelope", "overview", "overlay"));
    studio.on("draft selection", () => this.ask("envelope", "overlay"));
    studio.on("playhead", () => this.ask("overlay", "overview"));
    studio.on("heard takes curve", () => this.ask("wave", "spectrum"));
    studio.on("project", () => this.#open());
  }

  /** @type {Record<LaneName, () => void>} */ #draws;

  /** @param {LaneName[]} names of lanes that have changed */
  ask(...names) {
    for (const name of names) this.loop.ask(this.#draws[name]);
  }

  askAll() {
    this.ask(...LANES);
  }

  /** The theme has changed. */
  recolour() {
    this.#colours = readColours();
    this.askAll();
  }

  /** The lane at a height within the lanes. @param {number} y @returns {LaneName} */
  laneAt(y) {
    const inside = (/** @type {LaneName} */ name) => y < this.places[name].top + this.places[name].height;
    return LANES.find(inside) ?? "overview";
  }

  #open() {
    this.axis.open(this.studio.duration);
    this.frames.open(this.studio.project);
    this.wave.tiles.clear();
    this.spectrum.tiles.clear();
    this.askAll();
  }

  #measure() {
    const outer = this.root.getBoundingClientRect();
    for (const name of LANES) {
      const { top, width, height } = this.canvases[name].getBoundingClientRect();
      // The line under a lane is a border of the canvas.
      this.places[name] = { top: top - outer.top, width, height: Math.max(height - (name === "overlay" ? 0 : 1), 1) };
    }
    this.axis.resize(this.places.envelope.width);
  }

  /** @param {LaneName} name */
  #draw(name) {
    const { axis, studio } = this;
    const colours = this.#colours;
    const place = this.places[name];
    const context = cleared(this.canvases[name], place);
    if (!studio.project) return;
    const { height } = place;
    if (name === "ruler") drawRuler(context, axis, height, colours);
    else if (name === "frames") this.frames.draw(context, axis, height);
    else if (name === "envelope") drawEnvelope(context, axis, height, studio, colours);
    else if (name === "wave") this.wave.draw(context, axis, height, this.sounding(), colours);
    else if (name === "spectrum") this.spectrum.draw(context, axis, height, this.sounding(), colours);
    else if (name === "overview") drawOverview(context, axis, height, studio, colours);
    else {
      const { envelope: band, overview } = this.places;
      drawOverlay(context, axis, { height, band, bottom: overview.top, hover: this.hover }, studio, colours);
    }
  }
}
