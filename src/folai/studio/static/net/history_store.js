/**
 * Undo after a reload: the steps, kept in this browser beside the state of the project that they lead
 * to. A page that goes away may have saved a later view without a word here: the state is what counts.
 * Where the project has another, they would not fit and are left.
 */

/** @typedef {import("../envelope/history.js").Step} Step */

const MOST = 400; // steps that are kept

/** @typedef {{revision: number, state?: string, done: number[], undone: number[]}} Mark older ones have no state */

/** @type {WeakMap<object, number>} the key of each step that is stored */
const keys = new WeakMap();
/** @type {Promise<IDBDatabase | null> | undefined} */
let opened;

/** @returns {Promise<IDBDatabase | null>} null where the browser keeps nothing */
function database() {
  opened ??= new Promise((resolve) => {
    const request = indexedDB.open("folai-undo", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("steps", { autoIncrement: true });
      request.result.createObjectStore("marks");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null);
  });
  return opened;
}

/**
 * What steps lead to, as text: all that undo changes but the mixer's strips and the takes that are heard,
 * since those come by themselves, too. @param {any} edit as in API.md
 */
export function stateText(edit) {
  const { layers, presets, markers = [], timecode = null, guide = null, view } = edit;
  const lasting = layers.map(({ take, ...layer }) => layer);
  return normal({ lasting, presets, markers, timecode, guide, removed: view?.removed ?? {} });
}

/** The same text for the same state, in whatever order its keys are. @param {any} value @returns {string} */
export function normal(value) {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function reply(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Keeps what led to a revision; that of the revision before stays, in case this one is never saved.
 * @param {string} project @param {number} revision @param {string} state as `stateText` @param {{done: Step[], undone: Step[]}} steps
 */
export async function keepSteps(project, revision, state, { done, undone }) {
  const kept = [done.slice(-MOST), undone.slice(-MOST)];
  const base = await database();
  if (!base) return;
  const deal = base.transaction(["steps", "marks"], "readwrite");
  const [steps, marks] = [deal.objectStore("steps"), deal.objectStore("marks")];
  const [before, after] = await Promise.all(
    kept.map((list) => Promise.all(list.map(async (step) => keys.get(step) ?? stored(steps, step)))),
  );
  const old = /** @type {Mark[]} */ ((await reply(marks.get(project))) ?? []);
  const stay = old.filter((mark) => mark.revision < revision).slice(-1);
  marks.put([...stay, { revision, state, done: before, undone: after }], project);
  const used = new Set([...before, ...after, ...stay.flatMap((mark) => [...mark.done, ...mark.undone])]);
  for (const key of old.flatMap((mark) => [...mark.done, ...mark.undone])) if (!used.has(key)) steps.delete(key);
}

/** @param {IDBObjectStore} steps @param {Step} step @returns {Promise<number>} its key */
async function stored(steps, step) {
  const key = Number(await reply(steps.add(step)));
  keys.set(step, key);
  return key;
}

/** @param {string} project @param {number} revision @param {string} state @returns {Promise<{done: Step[], undone: Step[]}>} none where none fit */
export async function findSteps(project, revision, state) {
  const none = { done: [], undone: [] };
  const base = await database();
  if (!base) return none;
  const deal = base.transaction(["steps", "marks"]);
  const marks = /** @type {Mark[]} */ ((await reply(deal.objectStore("marks").get(project))) ?? []);
  const mark = marks.findLast((one) => (one.state === undefined ? one.revision === revision : one.state === state));
  if (!mark) return none;
  const read = async (/** @type {number} */ key) => {
    const step = await reply(deal.objectStore("steps").get(key));
    if (step) keys.set(step, key);
    return step;
  };
  const [done, undone] = await Promise.all([mark.done, mark.undone].map((list) => Promise.all(list.map(read))));
  return [...done, ...undone].every(Boolean) ? { done, undone } : none;
}
