/** The lanes over one axis of time: sizes them, draws what changed, and says what is where. */

import { Axis } from "./axis.js";
import { cleared, fitted, readColours } from "./canvas.js";
import { EnvelopeLane } from "./envelope_lane.js";
import { FramesLane } from "./frames_lane.js";
import { makeRoom } from "./level.js";
import { DrawLoop } from "./loop.js";
import { drawOverlay } from "./overlay.js";
import { drawOverview } from "./overview.js";
import { drawRuler } from "./ruler.js";
import { SpectrumLane, WaveLane } from "./sound_lanes.js";

/** @typedef {"ruler" | "frames" | "envelope" | "guide" | "wave" | "spectrum" | "overview" | "overlay"} LaneName */
/** @typedef {(context: CanvasRenderingContext2D, timeline: Timeline, height: number, colours: import("./canvas.js").Colours) => void} Draw */

/** The lanes from top to bottom, each by how it is drawn; the last lies over all. @type {Record<LaneName, Draw>} */
const DRAWN = {
  ruler: (context, { axis, studio }, height, colours) => drawRuler(context, axis, height, studio, colours),
  frames: (context, { axis, frames }, height) => frames.draw(context, axis, height),
  envelope: (context, { axis, studio, envelope }, height, colours) => envelope.draw(context, axis, height, studio, colours),
  guide: (context, { axis, guide, guided }, height, colours) => guide.draw(context, axis, height, guided(), colours),
  wave: (context, { axis, wave, sounding }, height, colours) => wave.draw(context, axis, height, sounding(), colours),
  spectrum: (context, { axis, spectrum, sounding }, height, colours) => spectrum.draw(context, axis, height, sounding(), colours),
  overview: (context, { axis, studio }, height, colours) => drawOverview(context, axis, height, studio, colours),
  overlay: (context, { axis, studio, places, hover }, height, colours) =>
    drawOverlay(context, axis, { height, band: places.envelope, bottom: places.overview.top, hover }, studio, colours),
};
/** Lanes that paint over what they have shown before. @type {LaneName[]} */
const KEPT = ["envelope"];
const LANES = /** @type {LaneName[]} */ (Object.keys(DRAWN));

/** @template T @param {(name: LaneName) => T} make @returns {Record<LaneName, T>} */
function each(make) {
  return /** @type {any} */ (Object.fromEntries(LANES.map((name) => [name, make(name)])));
}

export class Timeline {
  axis = new Axis();
  loop = new DrawLoop();
  /** @type {import("./overlay.js").Hover} */ hover = null;
  /** @type {() => import("./sound_lanes.js").Sounding | null} what the lanes of sound show */ sounding = () => null;
  /** @type {() => import("./sound_lanes.js").Sounding | null} what the lane of the clip's own sound shows */ guided = () => null;
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
    this.envelope = new EnvelopeLane();
    this.frames = new FramesLane(() => this.ask("frames"));
    this.wave = new WaveLane(() => this.ask("wave"));
    this.guide = new WaveLane(() => this.ask("guide"));
    this.spectrum = new SpectrumLane(() => this.ask("spectrum"));
    this.axis.addEventListener("change", () => this.askAll());
    const sizes = new ResizeObserver(() => this.#measure());
    for (const element of [root, ...Object.values(this.canvases)]) sizes.observe(element);
    studio.on("curve", ({ extent }) => this.#makeRoom(extent === null && !studio.history.depth));
    studio.on("curve layers", () => this.ask("envelope", "overview", "overlay"));
    studio.on("draft selection", () => this.ask("envelope", "overlay"));
    studio.on("playhead", () => this.ask("overlay", "overview"));
    studio.on("heard takes curve", () => this.ask("wave", "spectrum"));
    studio.on("guide", () => this.ask("guide"));
    studio.on("clock markers", () => this.ask("ruler", "overlay"));
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

  /** @param {boolean} anew the lane may shrink, since nobody works in it yet */
  #makeRoom(anew) {
    const { drawn, ghost } = this.studio;
    const peaks = [...drawn.values(), ...(ghost ? [ghost] : [])].map(({ curve, pyramid }) => pyramid.peak(0, curve.values.length));
    if (makeRoom(Math.max(0, ...peaks), anew)) this.ask("envelope", "overlay");
  }

  #open() {
    this.#makeRoom(true);
    this.axis.open(this.studio.duration);
    this.frames.open(this.studio.project);
    this.wave.tiles.clear();
    this.guide.tiles.clear();
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
    const place = this.places[name];
    const context = (KEPT.includes(name) ? fitted : cleared)(this.canvases[name], place);
    if (this.studio.project) DRAWN[name](context, this, place.height, this.#colours);
  }
}
