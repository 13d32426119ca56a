/**
 * The open project as the page knows it: the one place that holds state. What changes it says so
 * with an event, named after what changed; whoever shows that listens.
 *
 * Events: "project", "curve" (detail: layer, extent or null), "layers", "takes", "references",
 * "jobs", "history", "selection", "playhead", "draft", "tool", "heard", "sound", "presets", "mode", "markers", "clock",
 * "edited" (there is something to save), "refused" (a reader wants to edit), "announce" (detail: text).
 */

import { copyCurve, nearestOnset, swap } from "../envelope/curve.js";
import { History } from "../envelope/history.js";
import { Pyramid } from "../envelope/pyramid.js";
import { layPatch, patchBetween, tableOf } from "./undoable.js";

/** @typedef {import("../envelope/curve.js").Curve} Curve */
/** @typedef {import("../envelope/curve.js").Change} Change */
/** @typedef {import("../envelope/curve.js").Region} Region */
/** @typedef {Record<string, any>} Sound */
/** @typedef {{id: string, name: string, envelope: string | null, sound: Sound, gain_db: number, mute: boolean, solo: boolean, take: string | null, channel?: Channel | null}} Layer */
/** @typedef {{pan?: number, low_db?: number, mid_db?: number, mid_hz?: number, high_db?: number, room?: string | null, distance?: number, wet_db?: number}} Channel as in API.md */
/** @typedef {{name: string, gain_db: number, mute: boolean, solo: boolean, deleted?: boolean}} Strip */
/** @typedef {{time: number, text: string}} Marker seconds, a comment */
/** @typedef {{curve: Curve, pyramid: Pyramid, saved: string | null, version: number, dirty: [number, number] | null}} Drawn */

/** States in which a job stays. */
const OVER = ["done", "failed", "cancelled"];

export class Studio extends EventTarget {
  /** @type {any} as in API.md */ project = null;
  /** @type {Layer[]} */ layers = [];
  /** @type {Record<string, Strip>} */ mix = {};
  /** @type {{name: string, sound: Sound}[]} */ presets = [];
  /** @type {Marker[]} sorted by time */ markers = [];
  /** @type {string | null} of the first picture; null: the clip's own */ timecode = null;
  /** @type {{gain_db: number, mute: boolean}} the clip's own sound, as it is heard here */ guide = { gain_db: 0, mute: true };
  /** @type {any[]} deleted ones too: undo brings them back */ everyTake = [];
  /** @type {any[]} */ references = [];
  /** @type {{id: string, name: string}[]} what trainings have added to the model */ additions = [];
  /** @type {Map<string, any>} */ jobs = new Map();
  /** @type {Map<string, Drawn>} */ drawn = new Map();
  /** @type {Set<string>} layers that a prediction fills which is still being made */ following = new Set();
  /** @type {Drawn | null} the prediction */ ghost = null;
  /** @type {Float64Array} when each frame appears */ frames = new Float64Array(0);
  history = new History();
  activeId = "";
  /** @type {Region | null} */ region = null;
  /** @type {Region[]} what is regenerated at once, in order; none: the region */ parts = [];
  partsError = ""; // why what was typed of them cannot be read
  /** @type {number | null} onset of the chosen hit, seconds */ hit = null;
  playhead = 0;
  /** @type {"select" | "draw" | "hit"} */ tool = "select";
  /** @type {import("../envelope/snap.js").SnapMode} */ snap = "off";
  /** @type {"preview" | "takes"} */ heard = "preview";
  /** @type {"timecode" | "seconds" | "feet"} how times are written */ clock = "timecode";
  hearEdits = true;
  /** @type {boolean | null} whether what is played goes round; null: as the take that is heard */ loop = null;
  readOnly = false;
  /** @type {import("../envelope/regions.js").Clip | null} */ clipboard = null;
  /** @type {{a: string | null, b: string | null}} takes to compare */ slots = { a: null, b: null };
  /** @type {string | null} the take that keys act on */ takeId = null;
  /** @type {{layer: string, inverse: Change, make: (curve: Curve) => Change} | null} */ #draft = null;
  /** @type {import("./undoable.js").Table} what is not curves, as it was at the last step */ #before = new Map();

  /** @param {string} name @param {any} [detail] */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {string} names parted by spaces @param {(detail: any) => void} listener */
  on(names, listener) {
    for (const name of names.split(" ")) {
      this.addEventListener(name, (event) => listener(/** @type {CustomEvent} */ (event).detail));
    }
  }

  /** @returns {number} seconds */
  get duration() {
    return this.project?.clip.duration ?? 0;
  }

  /** @returns {any[]} those that are not deleted */
  get takes() {
    return this.everyTake.filter(({ id }) => !this.mix[id]?.deleted);
  }

  /** @returns {Layer | undefined} */
  get layer() {
    return this.layers.find((layer) => layer.id === this.activeId) ?? this.layers[0];
  }

  /** @returns {Curve | undefined} of the active layer */
  get curve() {
    return this.drawn.get(this.activeId)?.curve;
  }

  /** Index of the chosen hit in the active layer's curve, or -1. */
  get hitIndex() {
    const { curve, hit } = this;
    if (!curve || hit === null) return -1;
    const index = nearestOnset(curve.onsets, hit);
    return index >= 0 && Math.abs(curve.onsets[index] - hit) < 0.002 ? index : -1;
  }

  /**
   * Takes over what is told of a job, unless it is over: the reply to a request may be older than the news.
   * @param {any} job as in API.md @returns {boolean} whether it was taken over
   */
  know(job) {
    if (OVER.includes(this.jobs.get(job.id)?.state)) return false;
    this.jobs.set(job.id, job);
    return true;
  }

  /**
   * Jobs that the server does not know any more, since it was started again: they have failed.
   * @param {any[]} known jobs of the server @param {Set<string>} asked ids that it could know @returns {any[]} the lost ones
   */
  forgetLost(known, asked) {
    const ids = new Set(known.map(({ id }) => id));
    const lost = [...this.jobs.values()].filter((job) => asked.has(job.id) && !ids.has(job.id) && !OVER.includes(job.state));
    for (const job of lost) this.jobs.set(job.id, { ...job, state: "failed", message: "The studio ended before this was done." });
    return lost;
  }

  /** Takes of a layer, the first first. @param {string} layer */
  takesOf(layer) {
    return this.takes.filter((take) => take.layer === layer);
  }

  /** The take that is heard of a layer: one that is solo, the chosen one, the latest. @param {Layer} layer */
  chosenTake(layer) {
    const takes = this.takesOf(layer.id);
    return (
      takes.find((take) => this.mix[take.id]?.solo) ??
      takes.find((take) => take.id === layer.take) ??
      takes.at(-1)
    );
  }

  /** Whether what is played goes round: as a person says, else as the active layer's take was made. */
  get repeats() {
    return this.loop ?? this.hearsLoop;
  }

  /** Whether the active layer is heard as a take that was made to loop. */
  get hearsLoop() {
    const take = this.heard === "takes" && this.layer ? this.chosenTake(this.layer) : undefined;
    return Boolean(take?.sound.loop);
  }

  /** @param {string} take @returns {Strip} to read or to change */
  strip(take) {
    const name = this.everyTake.find((known) => known.id === take)?.name ?? "Take";
    return (this.mix[take] ??= { name, gain_db: 0, mute: false, solo: false });
  }

  /** A curve that the server does not have yet is to be saved as it is. @param {string} layer */
  keepCurve(layer) {
    const drawn = this.drawn.get(layer);
    if (!drawn) return;
    drawn.dirty = [0, drawn.curve.values.length];
    this.emit("edited");
  }

  /** Whether a layer's curve began as the prediction, and is to be filled as more of it comes. @param {string} layer */
  follows(layer) {
    return this.following.has(layer);
  }

  /** @param {string} layer @param {Curve} curve @param {string | null} saved its id on the server */
  setCurve(layer, curve, saved) {
    const own = copyCurve(curve);
    const version = (this.drawn.get(layer)?.version ?? 0) + 1;
    const dirty = null;
    this.drawn.set(layer, { curve: own, pyramid: new Pyramid(own.values), saved, version, dirty });
    this.emit("curve", { layer, extent: null });
  }

  /**
   * Does an edit of the active layer, with undo.
   * @param {(curve: Curve) => Change} make from the curve without any draft @param {string} label
   */
  edit(make, label) {
    this.cancelDraft();
    if (this.readOnly) return this.emit("refused");
    const curve = this.curve;
    const done = curve && this.history.apply(this.activeId, curve, make(curve), label);
    if (done) this.#changed(done);
  }

  /**
   * Shows what an edit would do, in place of what was shown before.
   * @param {(curve: Curve) => Change} make from the curve without any draft
   */
  draft(make) {
    this.#liftDraft();
    const curve = this.curve;
    if (!curve || this.readOnly) return;
    const change = make(curve);
    this.#draft = { layer: this.activeId, inverse: swap(curve, change), make };
    this.#touch(this.activeId, change);
    this.emit("draft");
  }

  /** Makes the draft an edit, with undo. @param {string} label */
  commitDraft(label) {
    const make = this.#draft?.make;
    this.#liftDraft();
    this.emit("draft");
    if (make) this.edit(make, label);
  }

  /** Whether a drag is under way. */
  get drafting() {
    return this.#draft !== null;
  }

  /** Takes the draft back. */
  cancelDraft() {
    if (!this.#draft) return;
    this.#liftDraft();
    this.emit("draft");
  }

  #liftDraft() {
    const draft = this.#draft;
    const drawn = draft && this.drawn.get(draft.layer);
    this.#draft = null;
    if (!draft || !drawn) return;
    swap(drawn.curve, draft.inverse);
    this.#touch(draft.layer, draft.inverse);
  }

  /** What is there now was not changed by a person: undo does not take it back. */
  settle() {
    this.#before = tableOf(this);
  }

  /**
   * A person has changed something beside the curves: one step of undo, to be saved.
   * @param {string} label @param {string} [merge] see `History.note`
   */
  did(label, merge) {
    const now = tableOf(this);
    this.history.note(patchBetween(this.#before, now), label, merge);
    this.#before = now;
    this.emit("history");
    this.emit("edited");
  }

  /** Something has come by itself, to be saved; no step of undo. @param {string} key of `state/undoable.js` */
  arrive(key) {
    this.#before.set(key, tableOf(this).get(key) ?? "null");
    this.emit("edited");
  }

  undo() {
    this.#turn("undo");
  }

  redo() {
    this.#turn("redo");
  }

  /** @param {"undo" | "redo"} way */
  #turn(way) {
    this.cancelDraft();
    if (this.readOnly) return this.emit("refused");
    const lay = (/** @type {import("./undoable.js").Patch} */ patch, /** @type {"from" | "to"} */ side) => layPatch(this, patch, side);
    const done = this.history[way]((layer) => this.drawn.get(layer)?.curve, lay);
    if (!done) return;
    if ("change" in done) {
      if (done.layer !== this.activeId) this.activate(done.layer);
      this.#changed(done);
    } else this.#laid();
    this.announce(`${way === "undo" ? "Undone" : "Redone"}: ${done.label}`);
  }

  /** A patch was laid: everyone who shows a part of the state draws it anew. */
  #laid() {
    this.settle();
    if (!this.layers.some(({ id }) => id === this.activeId)) this.activate(this.layers[0].id);
    for (const name of ["layers", "channel", "takes", "sound", "presets", "markers", "clock", "guide", "heard", "history", "edited"]) this.emit(name);
    this.emit("curve", { layer: this.activeId, extent: null });
  }

  /** @param {import("../envelope/history.js").Done} done */
  #changed({ layer, change, extent }) {
    const drawn = /** @type {Drawn} */ (this.drawn.get(layer));
    drawn.version++;
    const stop = change.first + change.values.length;
    const [from, to] = drawn.dirty ?? [change.first, stop];
    drawn.dirty = [Math.min(from, change.first), Math.max(to, stop)];
    this.#touch(layer, change);
    this.emit("curve", { layer, extent });
    this.emit("history");
    this.emit("edited");
  }

  /** @param {string} layer @param {Change[]} changes */
  #touch(layer, ...changes) {
    for (const { first, values } of changes) {
      if (values.length) this.drawn.get(layer)?.pyramid.update(first, first + values.length);
    }
  }

  /** @param {string} layer */
  activate(layer) {
    this.cancelDraft();
    this.activeId = layer;
    this.hit = null;
    this.takeId = null;
    this.slots = { a: null, b: null };
    this.emit("layers");
    this.emit("takes");
    this.emit("sound");
    this.emit("heard");
  }

  /** @param {Region | null} region @param {number | null} [hit] */
  select(region, hit = null) {
    const inside = region && {
      start: Math.max(Math.min(region.start, region.end), 0),
      end: Math.min(Math.max(region.start, region.end), this.duration),
    };
    this.region = inside && inside.end - inside.start > 1e-6 ? inside : null;
    this.hit = hit;
    this.emit("selection");
  }

  /** @param {string} text for those who hear the page */
  announce(text) {
    this.emit("announce", text);
  }
}
