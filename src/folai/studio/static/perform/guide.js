/** The clip's own sound: heard at its level, drawn as a lane, its envelope taken over as a curve. */

import { fromDb } from "../envelope/arithmetic.js";
import { changeTo } from "../envelope/curve.js";
import { restoreRegion } from "../envelope/regions.js";
import { getJson, sendJson } from "../net/api.js";
import { curveOf } from "../net/binary.js";
import { fileSounding, fileSource } from "../sound/sources.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {{duration: number, channels: number, envelope: string}} Facts */

const SHOWN = "folai-guide-lane"; // in the browser

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Guide {
  /** @type {{project: string, facts: Facts, source: import("../sound/sources.js").Source} | null} */ #read = null;
  /** @type {{project: string, reading: Promise<Facts | null>} | null} */ #reading = null;

  /**
   * @param {Studio} studio @param {import("../sound/player.js").Player} player
   * @param {import("../panel/messages.js").Messages} messages
   */
  constructor(studio, player, messages) {
    this.studio = studio;
    this.player = player;
    this.messages = messages;
    byId("guide-level").addEventListener("input", () => this.#setLevel(Number(byId("guide-level").value)));
    studio.on("project guide", () => this.#show());
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const group = "Perform";
    const can = () => this.has && !this.studio.readOnly;
    return [
      { id: "guide-lane", title: "Show the clip's own sound as a lane", keys: ["Alt+Shift+G"], group, run: () => this.#turnLane(), enabled: () => this.has, pressed: () => this.has && this.shown },
      { id: "guide-mute", title: "Hear the clip's own sound", keys: ["A"], group, run: () => this.#turnMute(), enabled: can, pressed: () => this.has && !this.studio.guide.mute },
      { id: "guide-take", title: "Take over the level of the clip's own sound, in the region or everywhere", keys: ["Alt+Shift+E"], group, run: () => this.takeOver(), enabled: () => can() && Boolean(this.studio.curve) },
    ];
  }

  /** Whether the clip has a sound of its own. */
  get has() {
    return Boolean(this.studio.project?.clip.audio_codec);
  }

  get shown() {
    return localStorage.getItem(SHOWN) === "on";
  }

  /** What the mixer plays of it. @returns {Map<string, import("../sound/player.js").Wanted>} */
  wanted() {
    const { gain_db, mute } = this.studio.guide;
    if (!this.has || mute) return new Map();
    const read = this.#ready();
    if (!read) this.#ask();
    return read ? new Map([["guide", { source: read.source, volume: fromDb(gain_db) }]]) : new Map();
  }

  /** What its lane shows. */
  sounding() {
    if (!this.has || !this.shown) return null;
    if (this.#ready()) return fileSounding(`projects/${this.studio.project.id}/guide`, `guide/${this.studio.project.id}`);
    this.#ask();
    return null;
  }

  /** Its envelope becomes the layer's curve, in the region or everywhere. */
  async takeOver() {
    const facts = await this.#ask();
    if (!facts) return;
    const { studio } = this;
    const { project, activeId } = studio;
    try {
      const own = curveOf(await getJson(`projects/${project.id}/envelopes/${facts.envelope}`));
      if (studio.project !== project || studio.activeId !== activeId) return;
      const { region } = studio;
      studio.edit((curve) => (region ? restoreRegion(curve, own, region) : changeTo(curve, 0, own.values.subarray(0, curve.values.length), own.onsets)), "the clip's own level");
    } catch (error) {
      this.messages.fail(error, "guide");
    }
  }

  #ready() {
    return this.#read?.project === this.studio.project?.id ? this.#read : null;
  }

  /** Has it read once; what waits for it is told by "guide". @returns {Promise<Facts | null>} */
  #ask() {
    const { studio, player, messages } = this;
    const { id } = studio.project;
    if (this.#reading?.project === id) return this.#reading.reading;
    const reading = sendJson("POST", `projects/${id}/guide`).then(
      (/** @type {Facts} */ facts) => {
        this.#read = { project: id, facts, source: fileSource(`projects/${id}/guide/audio`, `guide/${id}`, facts.duration, player.context) };
        studio.emit("guide");
        studio.emit("heard");
        return facts;
      },
      (error) => {
        this.#reading = null;
        messages.fail(error, "guide");
        if (!studio.guide.mute) {
          studio.guide.mute = true; // else it would be asked for again and again
          studio.emit("guide");
        }
        return null;
      },
    );
    this.#reading = { project: id, reading };
    return reading;
  }

  #turnLane() {
    localStorage.setItem(SHOWN, this.shown ? "off" : "on");
    this.studio.emit("guide");
  }

  #turnMute() {
    const { studio } = this;
    studio.guide = { ...studio.guide, mute: !studio.guide.mute };
    this.#changed("the clip's own sound");
  }

  /** @param {number} db */
  #setLevel(db) {
    this.studio.guide = { ...this.studio.guide, gain_db: db };
    this.#changed("level of the clip's own sound", "gain guide");
  }

  /** @param {string} label @param {string} [merge] */
  #changed(label, merge) {
    this.studio.emit("guide");
    this.studio.emit("heard");
    this.studio.did(label, merge);
  }

  #show() {
    const { guide } = this.studio;
    byId("timeline").classList.toggle("with-guide", this.has && this.shown);
    byId("guide-level").value = String(guide.gain_db);
    byId("guide-level").disabled = !this.has;
    byId("guide-level-text").textContent = `${guide.gain_db.toFixed(1)} dB`;
    this.studio.emit("mode");
  }
}
