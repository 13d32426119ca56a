/**
 * Undo and redo of all that a person changes, in order. A step of a curve keeps only the frames it
 * changed: taking it back swaps them with the curve's, so that undo of all is the first state to the
 * bit. A step of the rest is a patch (`state/undoable.js`).
 */

import { joined } from "../state/undoable.js";
import { extentOf, isNothing, swap } from "./curve.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {import("./curve.js").Change} Change */
/** @typedef {import("../state/undoable.js").Patch} Patch */
/** @typedef {{label: string, layer?: string, change?: Change, patch?: Patch, merge?: string, at?: number}} Step */
/** @typedef {{layer: string, label: string, change: Change, extent: import("./curve.js").Region}} Done */

const TOGETHER = 1200; // ms within which moves of one slider are one step

export class History {
  /** @type {Step[]} */ #done = [];
  /** @type {Step[]} */ #undone = [];

  /** What undo would take back, in words, or undefined. */
  get undoLabel() {
    return this.#done.at(-1)?.label;
  }

  /** What redo would do again. */
  get redoLabel() {
    return this.#undone.at(-1)?.label;
  }

  /** How many steps can be taken back. */
  get depth() {
    return this.#done.length;
  }

  /** All steps, to be kept. @returns {{done: Step[], undone: Step[]}} */
  get steps() {
    return { done: this.#done, undone: this.#undone };
  }

  /** Whether a step adds or removes this layer. @param {string} layer */
  mentions(layer) {
    return [...this.#done, ...this.#undone].some(({ patch }) => patch?.some(({ key }) => key.startsWith(`layer ${layer} `)));
  }

  /** @param {{done: Step[], undone: Step[]}} steps that were kept */
  restore({ done, undone }) {
    [this.#done, this.#undone] = [done, undone];
  }

  /**
   * Does a change; null where it changes nothing.
   * @param {string} layer @param {Curve} curve @param {Change} change @param {string} label
   * @returns {Done | null}
   */
  apply(layer, curve, change, label) {
    if (isNothing(change)) return null;
    const extent = extentOf(curve, change);
    this.#done.push({ layer, label, change: swap(curve, change) });
    this.#undone = [];
    return { layer, label, change, extent };
  }

  /**
   * Notes a change that was made to the rest of the state.
   * @param {Patch} patch @param {string} label @param {string} [merge] steps that follow one another with the same
   * are one: those of a slider soon after one another, those that begin with "!" always
   */
  note(patch, label, merge) {
    if (!patch.length) return;
    const [last, at] = [this.#done.at(-1), performance.now()];
    const near = merge?.startsWith("!") || at - (last?.at ?? 0) < TOGETHER;
    if (merge && near && last?.patch && last.merge === merge && !this.#undone.length) {
      this.#done.pop();
      patch = joined(last.patch, patch);
    }
    if (patch.length) this.#done.push({ label, patch, merge, at });
    this.#undone = [];
  }

  /**
   * @param {(layer: string) => Curve | undefined} curveOf @param {(patch: Patch, side: "from" | "to") => void} lay
   * @returns {Done | {label: string} | null}
   */
  undo(curveOf, lay) {
    return this.#turn(this.#done, this.#undone, curveOf, (patch) => lay(patch, "from"));
  }

  /** The other way. @param {(layer: string) => Curve | undefined} curveOf @param {(patch: Patch, side: "from" | "to") => void} lay */
  redo(curveOf, lay) {
    return this.#turn(this.#undone, this.#done, curveOf, (patch) => lay(patch, "to"));
  }

  /**
   * @param {Step[]} from @param {Step[]} to @param {(layer: string) => Curve | undefined} curveOf
   * @param {(patch: Patch) => void} lay @returns {Done | {label: string} | null}
   */
  #turn(from, to, curveOf, lay) {
    const step = from.pop();
    if (!step) return null;
    const { layer, label, change, patch } = step;
    if (patch) {
      to.push({ label, patch });
      lay(patch);
      return { label };
    }
    const curve = layer === undefined ? undefined : curveOf(layer);
    if (!curve || !change || layer === undefined) return null;
    to.push({ layer, label, change: swap(curve, change) });
    return { layer, label, change, extent: extentOf(curve, change) };
  }
}
