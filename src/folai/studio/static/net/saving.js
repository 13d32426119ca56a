/**
 * Saves what the page owns, a moment after each edit: first the curves that changed, then the edit
 * state that names them. Nothing is overwritten that another tab has saved.
 */

import { ApiError, sendJson } from "./api.js";
import { hitList } from "../envelope/hit_settings.js";
import { envelopeOf, toBase64 } from "./binary.js";
import { keepSteps, normal, stateText } from "./history_store.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {"saved" | "saving" | "waiting" | "failed" | "reading"} SaveState */

/** @typedef {{id: string, own: import("../state/studio.js").Drawn, extent: [number, number] | null, json: any}} Taken extent: frames still to be saved */

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
    this.#timer = window.setTimeout(() => (this.studio.drafting ? this.ask(viewOnly) : this.flush().catch(() => {})), WAIT);
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

  /** All that is to be saved is taken at one moment: curves, state and the steps that undo it fit together. */
  async #save() {
    const { studio } = this;
    this.#asked = false;
    this.#say("saving");
    const curves = [...studio.drawn].filter(([, { dirty }]) => dirty).map(([id, own]) => this.#taken(id, own));
    const edit = this.#edit();
    const { done, undone } = studio.history.steps;
    try {
      for (const curve of curves) await this.#saveCurve(curve, edit);
      await this.#saveEdit(edit, { done: [...done], undone: [...undone] });
      if (!this.#asked) this.urgent = false;
      this.#say(this.#asked ? "waiting" : "saved");
    } catch (error) {
      for (const { own, extent } of curves) if (extent) own.dirty = own.dirty ? [Math.min(extent[0], own.dirty[0]), Math.max(extent[1], own.dirty[1])] : extent;
      this.#asked = true;
      this.#say("failed", error instanceof Error ? error.message : String(error));
      studio.emit("save-failed", error);
      throw error;
    }
  }

  /** What is to be sent of a curve. @param {string} id of its layer @param {import("../state/studio.js").Drawn} own @returns {Taken} */
  #taken(id, own) {
    const [first, stop] = /** @type {[number, number]} */ (own.dirty);
    const { values, onsets, hits } = own.curve;
    own.dirty = null;
    const json = own.saved
      ? { base: own.saved, first, onsets: Array.from(onsets), values: toBase64(values.slice(first, stop)), hits: hitList(hits) }
      : envelopeOf(own.curve);
    return { id, own, extent: [first, stop], json };
  }

  /** @param {Taken} taken @param {any} edit that names it afterwards */
  async #saveCurve(taken, edit) {
    const { project, layers } = this.studio;
    const { envelope } = await sendJson("POST", `projects/${project.id}/envelopes`, taken.json);
    taken.own.saved = envelope;
    taken.extent = null;
    for (const layer of [...layers, ...edit.layers]) if (layer.id === taken.id) layer.envelope = envelope;
    if (taken.id in edit.view.removed) edit.view.removed[taken.id] = envelope;
  }

  /** @param {any} edit @param {{done: any[], undone: any[]}} steps */
  async #saveEdit(edit, steps) {
    const { project } = this.studio;
    const put = async () => {
      // Kept before it counts: a page that ends in between finds the one or the other again.
      await keepSteps(project.id, project.revision + 1, stateText(edit), steps).catch(() => {});
      const sent = { revision: project.revision, tab: this.tab, edit };
      project.revision = (await sendJson("PUT", `projects/${project.id}/edit`, sent)).revision;
    };
    try {
      await put();
    } catch (error) {
      if (!(error instanceof ApiError) || error.body.reason !== "stale" || !(await this.#catchUp())) throw error;
      await put();
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
    const { layers, mix, presets, markers, timecode, guide, drawn, history, following } = this.studio;
    const gone = [...drawn].filter(([id]) => !layers.some((layer) => layer.id === id) && history.mentions(id));
    const removed = Object.fromEntries(gone.map(([id, { saved }]) => [id, saved]));
    return structuredClone({ layers, mix, presets, markers, timecode, guide, view: { ...this.view(), removed, following: [...following] } });
  }

  /** @param {SaveState} state @param {string} [message] */
  #say(state, message = "") {
    this.state = state;
    this.message = message;
    this.studio.emit("saved");
  }
}
