/**
 * Undo and redo without limit. A step keeps only the frames it changed: taking it back swaps them
 * with the curve's, so that undo of all is the first state to the bit.
 */

import { extentOf, isNothing, swap } from "./curve.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {import("./curve.js").Change} Change */
/** @typedef {{layer: string, label: string, change: Change}} Step */
/** @typedef {{layer: string, label: string, change: Change, extent: import("./curve.js").Region}} Done */

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

  /** @param {(layer: string) => Curve | undefined} curveOf @returns {Done | null} */
  undo(curveOf) {
    return this.#turn(this.#done, this.#undone, curveOf);
  }

  /** @param {(layer: string) => Curve | undefined} curveOf @returns {Done | null} */
  redo(curveOf) {
    return this.#turn(this.#undone, this.#done, curveOf);
  }

  /** Forgets a layer that is no more. @param {string} layer */
  forget(layer) {
    this.#done = this.#done.filter((step) => step.layer !== layer);
    this.#undone = this.#undone.filter((step) => step.layer !== layer);
  }

  /**
   * @param {Step[]} from @param {Step[]} to @param {(layer: string) => Curve | undefined} curveOf
   * @returns {Done | null}
   */
  #turn(from, to, curveOf) {
    const step = from.pop();
    const curve = step && curveOf(step.layer);
    if (!step || !curve) return null;
    const { layer, label, change } = step;
    to.push({ layer, label, change: swap(curve, change) });
    return { layer, label, change, extent: extentOf(curve, change) };
  }
}
