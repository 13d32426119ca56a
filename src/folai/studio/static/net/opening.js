/** Opens a project: fetches it whole, and later what others have changed of it. */

import { History } from "../envelope/history.js";
import { Pyramid } from "../envelope/pyramid.js";
import { getBytes, getJson } from "./api.js";
import { curveOf } from "./binary.js";
import { findSteps, stateText } from "./history_store.js";
import { catchUpPieces, fill } from "./pieces.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

const RATE = 120; // Hz of envelopes, as in folai.rms

/** @param {Studio} studio @param {string} id @returns {Promise<void>} */
export async function openProject(studio, id) {
  const [project, times] = await Promise.all([
    getJson(`projects/${id}`),
    getBytes(`projects/${id}/frame-times`),
  ]);
  const steps = await findSteps(id, project.revision, stateText(project.edit)).catch(() => ({ done: [], undone: [] }));
  studio.project = project;
  studio.frames = new Float64Array(times);
  studio.history = new History();
  studio.history.restore(steps);
  studio.drawn.clear();
  studio.jobs = new Map(project.jobs.map((/** @type {any} */ job) => [job.id, job]));
  studio.ghost = null;
  studio.region = null;
  studio.hit = null;
  studio.takeId = null;
  studio.following = new Set(project.edit.view?.following ?? []);
  adopt(studio, project);
  await loadCurves(studio);
  if (project.prediction === null) await catchUpPieces(studio);
}

/** Takes over what the server says of the edit state. @param {Studio} studio @param {any} project */
function adopt(studio, project) {
  const { layers, mix, presets, view, markers = [], timecode = null, guide = { gain_db: 0, mute: true } } = structuredClone(project.edit);
  Object.assign(studio, { layers, mix, presets, markers, timecode, guide, everyTake: project.takes, references: project.references, additions: project.additions });
  const seen = view ?? {};
  studio.activeId = layers.some((/** @type {any} */ layer) => layer.id === seen.layer) ? seen.layer : layers[0].id;
  studio.heard = seen.heard ?? (project.takes.length ? "takes" : "preview");
  studio.slots = seen.slots ?? { a: null, b: null };
  studio.snap = seen.snap ?? "off";
  studio.hearEdits = seen.hearEdits ?? true;
  studio.region = seen.region ?? null;
  studio.parts = seen.parts ?? [];
  studio.partsError = "";
  studio.clock = seen.clock ?? "timecode";
  studio.settle();
}

/** Fetches the prediction and the layers' curves. @param {Studio} studio */
export async function loadCurves(studio) {
  const { project } = studio;
  /** @type {Record<string, string | null>} of layers that undo would bring back */
  const removed = project.edit.view?.removed ?? {};
  const wanted = [...studio.layers.map(({ id, envelope }) => [id, envelope]), ...Object.entries(removed)];
  const ids = new Set([project.prediction, ...wanted.map(([, envelope]) => envelope)]);
  ids.delete(null);
  const fetched = new Map();
  await Promise.all(
    [...ids].map(async (id) => fetched.set(id, curveOf(await getJson(`projects/${project.id}/envelopes/${id}`)))),
  );
  if (studio.project !== project) return;
  setGhost(studio, fetched.get(project.prediction));
  for (const [layer, envelope] of wanted) {
    const id = envelope ?? project.prediction;
    const known = studio.drawn.get(layer);
    if (known && (known.dirty || known.saved === id)) continue;
    const curve = fetched.get(id) ?? (predicting(studio) ? null : silence(studio));
    if (curve) studio.setCurve(layer, curve, id);
  }
  if (project.prediction !== null) completeFollowing(studio);
}

/** The prediction is whole: layers that were edited meanwhile get the rest of it. @param {Studio} studio */
function completeFollowing(studio) {
  const whole = studio.ghost?.curve;
  for (const id of studio.following) {
    const drawn = studio.drawn.get(id);
    if (!drawn || !whole || drawn.saved === studio.project.prediction) continue;
    const first = 1 + drawn.curve.values.findLastIndex((value) => value > 0);
    const region = { start: first / RATE, end: studio.duration + 1 };
    const onsets = Array.from(whole.onsets).filter((time) => time >= region.start);
    if (!fill(drawn, first, whole.values.subarray(first), onsets, region)) continue;
    drawn.dirty = [Math.min(drawn.dirty?.[0] ?? first, first), drawn.curve.values.length];
    studio.emit("edited");
    studio.emit("curve", { layer: id, extent: null });
  }
  studio.following.clear();
}

/** @param {Studio} studio @param {import("../envelope/curve.js").Curve | undefined} curve */
function setGhost(studio, curve) {
  if (!curve) return;
  studio.ghost = { curve, pyramid: new Pyramid(curve.values), saved: null, version: 0, dirty: null };
  studio.emit("curve", { layer: "", extent: null });
}

/** @param {Studio} studio */
function predicting(studio) {
  return [...studio.jobs.values()].some((job) => job.kind === "predict" && ["queued", "running"].includes(job.state));
}

/** Where there is no prediction a person draws all. @param {Studio} studio */
function silence(studio) {
  const values = new Float32Array(Math.max(Math.round(studio.duration * RATE), 1));
  return { values, rate: RATE, onsets: new Float64Array(0) };
}

/**
 * Something of the project has changed on the server: takes over what is the server's to say, and
 * for one who only reads, the edit state too.
 * @param {Studio} studio @param {boolean} whole the edit state too
 */
export async function refresh(studio, whole) {
  const before = studio.project;
  const asked = new Set(studio.jobs.keys()); // jobs begun meanwhile may not be in the reply
  const project = await getJson(`projects/${before.id}`);
  if (studio.project !== before) return;
  const { edit, revision } = before;
  studio.project = { ...project, ...(whole ? {} : { edit, revision }) };
  const known = new Set(studio.everyTake.map((take) => take.id));
  const made = project.takes.filter((/** @type {any} */ take) => !known.has(take.id));
  studio.everyTake = project.takes;
  studio.references = project.references;
  studio.additions = project.additions;
  const told = project.jobs.filter((/** @type {any} */ job) => studio.know(job));
  const lost = studio.forgetLost(project.jobs, asked);
  if (whole) adopt(studio, project);
  await loadCurves(studio);
  return { made, told, lost, videoChanged: project.video.url !== before.video.url || project.video.state !== before.video.state };
}
