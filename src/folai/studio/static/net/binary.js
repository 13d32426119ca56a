/** Numbers as bytes, little-endian: as base64 within JSON, and as raw arrays. */

import { hitList, hitMap } from "../envelope/hit_settings.js";

const BLOCK = 0x8000; // bytes that String.fromCharCode takes at a time

/** @param {Float32Array} values @returns {string} base64 of little-endian float32 */
export function toBase64(values) {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += BLOCK) {
    text += String.fromCharCode(...bytes.subarray(i, i + BLOCK));
  }
  return btoa(text);
}

/** @param {string} text base64 of little-endian float32 @returns {Float32Array} */
export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/**
 * @param {{frame_rate: number, onsets: number[], values: string, confidence?: string, pan?: string, hits?: any[]}} envelope as the server sends it
 * @returns {import("../envelope/curve.js").Curve}
 */
export function curveOf({ frame_rate, onsets, values, confidence, pan, hits }) {
  const curve = { values: fromBase64(values), rate: frame_rate, onsets: Float64Array.from(onsets) };
  return {
    ...curve,
    ...(confidence && { confidence: fromBase64(confidence) }),
    ...(pan && { pan: fromBase64(pan) }),
    ...(hits && { hits: hitMap(hits) }),
  };
}

/** @param {import("../envelope/curve.js").Curve} curve as the server takes it */
export function envelopeOf({ values, rate, onsets, pan, hits }) {
  const own = hits?.size ? { hits: hitList(hits) } : {};
  const envelope = { frame_rate: rate, onsets: Array.from(onsets), values: toBase64(values), ...own };
  return pan ? { ...envelope, pan: toBase64(pan) } : envelope;
}
