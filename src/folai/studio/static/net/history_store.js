/**
 * Undo after a reload: the steps, kept in this browser beside the revision of the project that they
 * lead to. Where the project has another revision now, they would not fit and are left.
 */

/** @typedef {import("../envelope/history.js").Step} Step */

const MOST = 400; // steps that are kept

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

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function reply(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Keeps what led to a revision; that of the revision before stays, in case this one is never saved.
 * @param {string} project @param {number} revision @param {{done: Step[], undone: Step[]}} steps
 */
export async function keepSteps(project, revision, { done, undone }) {
  const kept = [done.slice(-MOST), undone.slice(-MOST)];
  const base = await database();
  if (!base) return;
  const deal = base.transaction(["steps", "marks"], "readwrite");
  const [steps, marks] = [deal.objectStore("steps"), deal.objectStore("marks")];
  const [before, after] = await Promise.all(
    kept.map((list) => Promise.all(list.map(async (step) => keys.get(step) ?? stored(steps, step)))),
  );
  const old = /** @type {{revision: number, done: number[], undone: number[]}[]} */ ((await reply(marks.get(project))) ?? []);
  const stay = old.filter((mark) => mark.revision < revision).slice(-1);
  marks.put([...stay, { revision, done: before, undone: after }], project);
  const used = new Set([...before, ...after, ...stay.flatMap((mark) => [...mark.done, ...mark.undone])]);
  for (const key of old.flatMap((mark) => [...mark.done, ...mark.undone])) if (!used.has(key)) steps.delete(key);
}

/** @param {IDBObjectStore} steps @param {Step} step @returns {Promise<number>} its key */
async function stored(steps, step) {
  const key = Number(await reply(steps.add(step)));
  keys.set(step, key);
  return key;
}

/** @param {string} project @param {number} revision @returns {Promise<{done: Step[], undone: Step[]}>} none where none fit */
export async function findSteps(project, revision) {
  const none = { done: [], undone: [] };
  const base = await database();
  if (!base) return none;
  const deal = base.transaction(["steps", "marks"]);
  const marks = /** @type {{revision: number, done: number[], undone: number[]}[]} */ ((await reply(deal.objectStore("marks").get(project))) ?? []);
  const mark = marks.find((one) => one.revision === revision);
  if (!mark) return none;
  const read = async (/** @type {number} */ key) => {
    const step = await reply(deal.objectStore("steps").get(key));
    if (step) keys.set(step, key);
    return step;
  };
  const [done, undone] = await Promise.all([mark.done, mark.undone].map((list) => Promise.all(list.map(read))));
  return [...done, ...undone].every(Boolean) ? { done, undone } : none;
}
