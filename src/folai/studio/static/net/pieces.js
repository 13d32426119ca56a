/**
 * A prediction that comes piece by piece: what is there can be edited. A layer that a person has not
 * touched shows it; in one that was edited, what is still empty is filled.
 */

import { Pyramid } from "../envelope/pyramid.js";
import { getJson } from "./api.js";
import { fromBase64 } from "./binary.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {{first: number, values: string, onsets: number[]}} Piece as in API.md */

const RATE = 120; // Hz

/** Fetches the pieces so far. @param {Studio} studio */
export async function catchUpPieces(studio) {
  const { project } = studio;
  const { pieces } = await getJson(`projects/${project.id}/pieces`);
  if (studio.project === project && project.prediction === null) for (const piece of pieces) layPiece(studio, piece);
}

/** @param {Studio} studio @param {Piece} piece */
export function layPiece(studio, piece) {
  if (studio.project.prediction !== null) return;
  studio.ghost ??= blank(studio);
  const values = fromBase64(piece.values);
  const region = { start: piece.first / RATE, end: (piece.first + values.length) / RATE };
  fill(studio.ghost, piece.first, values, piece.onsets, region);
  for (const layer of studio.layers) {
    const drawn = studio.drawn.get(layer.id);
    if (!drawn && layer.envelope === null) {
      studio.setCurve(layer.id, studio.ghost.curve, null);
      studio.following.add(layer.id);
    } else if (drawn && studio.follows(layer.id) && fill(drawn, piece.first, values, piece.onsets, region) && layer.envelope !== null) {
      const stop = piece.first + values.length;
      const [from, to] = drawn.dirty ?? [piece.first, stop];
      drawn.dirty = [Math.min(from, piece.first), Math.max(to, stop)];
      studio.emit("edited");
    }
  }
  studio.emit("curve", { layer: studio.activeId, extent: null });
}

/** @param {Studio} studio @returns {import("../state/studio.js").Drawn} */
function blank(studio) {
  const values = new Float32Array(Math.max(Math.round(studio.duration * RATE), 1));
  return { curve: { values, rate: RATE, onsets: new Float64Array(0) }, pyramid: new Pyramid(values), saved: null, version: 0, dirty: null };
}

/**
 * Lays values where nothing is yet. @param {import("../state/studio.js").Drawn} drawn @param {number} first
 * @param {Float32Array} values @param {number[]} onsets @param {import("../envelope/curve.js").Region} region
 * @returns {boolean} whether anything was empty
 */
export function fill({ curve, pyramid }, first, values, onsets, { start, end }) {
  const own = curve.values.subarray(first, first + values.length);
  if (curve.onsets.some((time) => time >= start && time < end) || own.some((value) => value > 0)) return false;
  own.set(values.subarray(0, own.length));
  curve.onsets = Float64Array.from([...curve.onsets, ...onsets]).sort();
  pyramid.update(first, first + own.length);
  return true;
}
