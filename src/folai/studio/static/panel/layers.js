/** The list of layers: which is edited, its gain, mute and solo. */

import { ask, choose } from "./ask.js";
import { gainSlider, nameButton, rowButton } from "./row.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../state/studio.js").Layer} Layer */
/** @typedef {import("../commands/keys.js").Command} Command */

const NAMES = ["Feet", "Cloth", "Props"];

export class LayerList {
  /** @param {Studio} studio @param {HTMLElement} root */
  constructor(studio, root) {
    this.studio = studio;
    this.root = root;
    studio.on("layers project", () => this.draw());
  }

  draw() {
    this.root.replaceChildren(...this.studio.layers.map((layer) => this.#row(layer)));
  }

  /** @param {Layer} layer */
  #row(layer) {
    const { studio } = this;
    const row = document.createElement("li");
    row.className = "row layer";
    row.dataset.layer = layer.id;
    const active = layer.id === studio.activeId;
    row.setAttribute("aria-current", String(active));
    const own = (/** @type {string[]} */ keys) => (active ? keys : []);
    const flip = (/** @type {"mute" | "solo"} */ what) => () => toggle(studio, layer, what);
    const [slider, output] = gainSlider(`Level of ${layer.name} in dB`, own(["Alt+J"]), layer.gain_db, (db) => {
      layer.gain_db = db;
      studio.emit("heard");
      studio.did("level of a layer", `gain ${layer.id}`);
    });
    if (active) slider.dataset.key = "Alt+J";
    row.append(
      nameButton(layer.name, active ? `${layer.name}: rename` : `Edit ${layer.name}`, active ? ["Shift+R"] : [",", "."],
        () => (active ? null : studio.activate(layer.id)), () => rename(studio)),
      rowButton("M", `Mute ${layer.name}`, own(["W"]), flip("mute"), { pressed: layer.mute }),
      rowButton("S", `Solo ${layer.name}`, own(["E"]), flip("solo"), { pressed: layer.solo }),
      slider,
      output,
      rowButton("×", `Remove ${layer.name}`, own(["Shift+Y"]), () => removeLayer(studio, layer)),
    );
    return row;
  }
}

/** @param {Studio} studio @returns {Command[]} */
export function layerCommands(studio) {
  const group = "Layers";
  const own = () => studio.layer;
  const can = () => studio.project !== null && !studio.readOnly;
  /** @type {Omit<Command, "group">[]} */
  const commands = [
    { id: "add-layer", title: "Add a layer", keys: ["Y"], run: () => askLayer(studio), enabled: can },
    { id: "remove-layer", title: "Remove the layer", keys: ["Shift+Y"], run: () => own() && removeLayer(studio, /** @type {Layer} */ (own())), enabled: can },
    { id: "rename-layer", title: "Rename the layer", keys: ["Shift+R"], run: () => rename(studio), enabled: can },
    { id: "layer-before", title: "Previous layer", keys: [","], run: () => go(studio, -1) },
    { id: "layer-after", title: "Next layer", keys: ["."], run: () => go(studio, 1) },
    { id: "mute-layer", title: "Mute the layer", keys: ["W"], run: () => own() && toggle(studio, /** @type {Layer} */ (own()), "mute") },
    { id: "solo-layer", title: "Solo the layer", keys: ["E"], run: () => own() && toggle(studio, /** @type {Layer} */ (own()), "solo") },
  ];
  return commands.map((command) => ({ ...command, group }));
}

/** @param {Studio} studio @param {Layer} layer @param {"mute" | "solo"} what */
function toggle(studio, layer, what) {
  layer[what] = !layer[what];
  studio.emit("layers");
  studio.did(`${what} layer`);
}

/** @param {Studio} studio @param {1 | -1} way */
function go(studio, way) {
  const index = studio.layers.findIndex((layer) => layer.id === studio.activeId);
  const next = studio.layers[index + way];
  if (next) studio.activate(next.id);
  if (next) studio.announce(`Layer ${next.name}`);
}

/** Asks what the new layer starts with, and makes it. @param {Studio} studio */
async function askLayer(studio) {
  const { layer, curve } = studio;
  if (!layer || !curve) return;
  const [same, empty] = [`Same timing as ${layer.name}`, "Empty"];
  const answer = await choose("What does the new layer start with?", [same, empty]);
  if (answer) addLayer(studio, answer === same);
}

/** Its sound is open: the engine follows from what is filled in. @param {Studio} studio @param {boolean} same timing as the active layer */
export function addLayer(studio, same) {
  const [id, curve] = [freshId(studio), studio.curve];
  if (!curve) return;
  const used = new Set(studio.layers.map((layer) => layer.name));
  const name = NAMES.find((one) => !used.has(one)) ?? `Layer ${studio.layers.length + 1}`;
  studio.layers.push({ id, name, envelope: null, sound: {}, gain_db: 0, mute: false, solo: false, take: null, channel: null });
  const silent = { values: new Float32Array(curve.values.length), rate: curve.rate, onsets: new Float64Array(0) };
  studio.setCurve(id, same ? curve : silent, null);
  const drawn = studio.drawn.get(id);
  if (drawn) drawn.dirty = [0, silent.values.length];
  studio.activate(id);
  studio.did("add layer");
}

/** @param {Studio} studio */
function freshId(studio) {
  let n = studio.layers.length + 1;
  while (studio.drawn.has(`layer-${n}`) || studio.layers.some((layer) => layer.id === `layer-${n}`)) n++;
  return `layer-${n}`;
}

/** Undo brings it back with its curve and takes. @param {Studio} studio @param {Layer} layer */
function removeLayer(studio, layer) {
  if (studio.layers.length < 2) return studio.announce("The only layer cannot be removed");
  studio.layers = studio.layers.filter((other) => other !== layer);
  if (layer.id === studio.activeId) studio.activate(studio.layers[0].id);
  else studio.emit("layers");
  studio.did("remove layer");
  studio.announce(`${layer.name} removed. Undo brings it back`);
}

/** @param {Studio} studio */
async function rename(studio) {
  const layer = studio.layer;
  const name = layer && (await ask("Name of the layer", { field: "Name", value: layer.name }));
  if (!layer || !name) return;
  layer.name = name.slice(0, 60);
  studio.emit("layers");
  studio.did("rename layer");
}
