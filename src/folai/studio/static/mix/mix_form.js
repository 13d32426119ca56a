/** The fields of the active layer's channel, and the takes of a layer at one loudness. */

import { getJson } from "../net/api.js";
import { FLAT } from "./strip.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

const FIELDS = ["pan", "low_db", "mid_db", "mid_hz", "high_db", "room", "distance", "wet_db"];
const LEVELS = [-96, 24]; // dB that a take's level may be

/** @param {string} name @returns {any} */
const fieldOf = (name) => document.getElementById(`mix-${name}`);

export class MixForm {
  /** @param {Studio} studio @param {import("../panel/messages.js").Messages} messages */
  constructor(studio, messages) {
    this.studio = studio;
    this.messages = messages;
    for (const name of FIELDS) fieldOf(name).addEventListener(name === "room" ? "change" : "input", () => this.#put(name));
    studio.on("layers channel project", () => this.#show());
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const { studio } = this;
    const group = "Layers";
    const can = () => !studio.readOnly && studio.takesOf(studio.activeId).length > 0;
    return [
      { id: "match-takes", title: "Bring all takes of the layer to the loudness of the one that is heard", keys: ["Alt+Shift+W"], group, run: () => this.matchTakes(), enabled: can },
      { id: "plain-channel", title: "Take equaliser, pan and room off the layer", keys: ["Alt+Shift+9"], group, run: () => this.#clear(), enabled: () => !studio.readOnly && Boolean(studio.layer?.channel) },
    ];
  }

  /** @param {string} name */
  #put(name) {
    const { studio } = this;
    const { layer } = studio;
    if (!layer || studio.readOnly) return;
    const value = name === "room" ? fieldOf(name).value || null : Number(fieldOf(name).value);
    const channel = /** @type {any} */ ({ ...FLAT, ...layer.channel, [name]: value });
    layer.channel = channel;
    studio.emit("channel");
    studio.did(`${name.split("_")[0]} of a layer`, `channel ${layer.id} ${name}`);
  }

  #clear() {
    const { layer } = this.studio;
    if (!layer) return;
    layer.channel = null;
    this.studio.emit("channel");
    this.studio.did("plain channel");
  }

  #show() {
    const channel = /** @type {any} */ ({ ...FLAT, ...this.studio.layer?.channel });
    for (const name of FIELDS) {
      const field = fieldOf(name);
      if (field !== document.activeElement || field.type === "range") field.value = channel[name] ?? "";
      const text = document.getElementById(`mix-${name}-text`);
      if (text) text.textContent = textOf(name, channel[name]);
    }
  }

  /** Each take gets the level with which it is as loud as the one that is heard. One step of undo. */
  async matchTakes() {
    const { studio, messages } = this;
    const { project, layer } = studio;
    const heard = layer && studio.chosenTake(layer);
    if (!heard) return;
    try {
      const takes = studio.takesOf(layer.id);
      const levels = await Promise.all(takes.map(({ id }) => getJson(`projects/${project.id}/takes/${id}/levels`)));
      if (studio.project !== project) return;
      const wanted = levels[takes.indexOf(heard)].integrated;
      if (wanted === null) return messages.show("match", "The take that is heard is silent, so the others stay as they are.", { tone: "plain" });
      takes.forEach((take, n) => {
        const strip = studio.strip(take.id);
        const { integrated } = levels[n];
        const db = wanted + studio.strip(heard.id).gain_db - integrated;
        if (integrated !== null) strip.gain_db = Math.round(100 * Math.min(Math.max(db, LEVELS[0]), LEVELS[1])) / 100;
      });
      studio.emit("takes");
      studio.emit("mix");
      studio.did("match takes");
      studio.announce(`${takes.length} takes at one loudness`);
    } catch (error) {
      messages.fail(error, "match");
    }
  }
}

/** @param {string} name @param {number} value */
function textOf(name, value) {
  if (name === "pan") return value ? `${Math.abs(100 * value).toFixed(0)} ${value < 0 ? "L" : "R"}` : "middle";
  if (name === "mid_hz") return `${Math.round(value)} Hz`;
  return name === "distance" ? `${value.toFixed(1)} m` : `${value.toFixed(1)} dB`;
}
