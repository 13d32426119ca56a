/**
 * Saves what the page owns, a moment after each edit: first the curves that changed, then the edit
 * state that names them. Nothing is overwritten that another tab has saved.
 */

import { ApiError, sendJson } from "./api.js";
import { envelopeOf, toBase64 } from "./binary.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {"saved" | "saving" | "waiting" | "failed" | "reading"} SaveState */

const WAIT = 500; // ms from the last edit to saving

export class Saver {
  /** @type {SaveState} */ state = "saved";
  message = "";
  /** Whether what is not saved is more than the view. */
  urgent = false;
  #timer = 0;
  #asked = false;
  /** @type {Promise<void> | null} */ #running = null;
  /** @type {string} what was saved last */ #last = "";

  /** @param {Studio} studio @param {string} tab id of this page @param {() => any} view what to find again */
  constructor(studio, tab, view) {
    this.studio = studio;
    this.tab = tab;
    this.view = view;
    studio.on("edited", () => this.ask());
  }

  /** A project was opened: its state is what is saved. */
  open() {
    clearTimeout(this.#timer);
    this.#asked = this.urgent = false;
    this.#last = JSON.stringify(this.studio.project.edit);
    this.#say(this.studio.readOnly ? "reading" : "saved");
  }

  /** There is something to save. @param {boolean} [viewOnly] it is no loss if it is not */
  ask(viewOnly = false) {
    if (this.studio.readOnly || !this.studio.project) return;
    this.#asked = true;
    this.urgent ||= !viewOnly;
    if (this.state !== "saving") this.#say("waiting");
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.flush().catch(() => {}), WAIT);
  }

  /** Saves now what is not saved; fulfilled when the disk has it. @returns {Promise<void>} */
  async flush() {
    clearTimeout(this.#timer);
    while (this.#running) await this.#running.catch(() => {});
    if (!this.#asked || this.studio.readOnly) return;
    this.#running = this.#save();
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
  }

  async #save() {
    this.#asked = false;
    this.#say("saving");
    try {
      for (const layer of this.studio.layers) await this.#saveCurve(layer);
      await this.#saveEdit();
      if (!this.#asked) this.urgent = false;
      this.#say(this.#asked ? "waiting" : "saved");
    } catch (error) {
      this.#asked = true;
      this.#say("failed", error instanceof Error ? error.message : String(error));
      this.studio.emit("save-failed", error);
      throw error;
    }
  }

  /** @param {import("../state/studio.js").Layer} layer */
  async #saveCurve(layer) {
    const { project, drawn } = this.studio;
    const own = drawn.get(layer.id);
    if (!own?.dirty) return;
    const [first, stop] = own.dirty;
    own.dirty = null;
    const base = own.saved;
    const { values, onsets } = own.curve;
    const json = base
      ? { base, first, onsets: Array.from(onsets), values: toBase64(values.slice(first, stop)) }
      : envelopeOf(own.curve);
    try {
      const { envelope } = await sendJson("POST", `projects/${project.id}/envelopes`, json);
      layer.envelope = own.saved = envelope;
    } catch (error) {
      own.dirty = own.dirty ? [Math.min(first, own.dirty[0]), Math.max(stop, own.dirty[1])] : [first, stop];
      throw error;
    }
  }

  async #saveEdit() {
    const { project } = this.studio;
    const edit = this.#edit();
    const path = `projects/${project.id}/edit`;
    try {
      project.revision = (await sendJson("PUT", path, { revision: project.revision, tab: this.tab, edit })).revision;
    } catch (error) {
      if (!(error instanceof ApiError) || error.body.reason !== "stale" || !(await this.#catchUp())) throw error;
      project.revision = (await sendJson("PUT", path, { revision: project.revision, tab: this.tab, edit })).revision;
    }
    project.edit = edit;
    this.#last = JSON.stringify(edit);
  }

  /** Whether the newer revision holds what we saved, so that ours may follow it. */
  async #catchUp() {
    const { project } = this.studio;
    const response = await fetch(`/api/projects/${project.id}`);
    const saved = await response.json();
    const same = normal(saved.edit) === normal(JSON.parse(this.#last));
    if (same) project.revision = saved.revision;
    return same;
  }

  /** The edit state as in API.md. */
  #edit() {
    const { layers, mix, presets } = this.studio;
    return structuredClone({ layers, mix, presets, view: this.view() });
  }

  /** @param {SaveState} state @param {string} [message] */
  #say(state, message = "") {
    this.state = state;
    this.message = message;
    this.studio.emit("saved");
  }
}

/** The same text for the same state, in whatever order its keys are. @param {any} value @returns {string} */
function normal(value) {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
