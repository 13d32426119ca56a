/**
 * What a person can change beside the curves, as a flat table of text: layers, mixer, presets,
 * markers. Two tables give a patch, and a patch is laid in either direction: that is undo.
 */

/** @typedef {import("./studio.js").Studio} Studio */
/** @typedef {Map<string, string>} Table key: JSON */
/** @typedef {{key: string, from: string | undefined, to: string | undefined}[]} Patch undefined: not there */

const OF_A_LAYER = ["name", "sound", "gain_db", "mute", "solo", "take", "channel"];
const WHOLE = ["presets", "markers", "timecode", "guide"]; // each is one entry

/** @param {Studio} studio @returns {Table} */
export function tableOf(studio) {
  const table = new Map([["order", JSON.stringify(studio.layers.map(({ id }) => id))]]);
  for (const layer of studio.layers) {
    for (const name of OF_A_LAYER) table.set(`layer ${layer.id} ${name}`, JSON.stringify(/** @type {any} */ (layer)[name] ?? null));
  }
  for (const [take, strip] of Object.entries(studio.mix)) {
    if (!isPlain(studio, take, strip)) table.set(`strip ${take}`, JSON.stringify(strip));
  }
  for (const name of WHOLE) table.set(name, JSON.stringify(/** @type {any} */ (studio)[name]));
  return table;
}

/** Strips are made when they are first shown: such a one says nothing. @param {Studio} studio @param {string} take @param {import("./studio.js").Strip} strip */
function isPlain(studio, take, strip) {
  const name = studio.everyTake.find((known) => known.id === take)?.name;
  return !strip.gain_db && !strip.mute && !strip.solo && !strip.deleted && (name === undefined || strip.name === name);
}

/** @param {Table} before @param {Table} after @returns {Patch} */
export function patchBetween(before, after) {
  const patch = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [from, to] = [before.get(key), after.get(key)];
    if (from !== to) patch.push({ key, from, to });
  }
  return patch;
}

/** @param {Patch} first @param {Patch} second that followed it @returns {Patch} both in one */
export function joined(first, second) {
  const table = new Map(first.map((entry) => [entry.key, entry]));
  for (const { key, from, to } of second) table.set(key, { key, from: table.has(key) ? table.get(key)?.from : from, to });
  return [...table.values()].filter(({ from, to }) => from !== to);
}

/** Lays one side of a patch into the state. @param {Studio} studio @param {Patch} patch @param {"from" | "to"} side */
export function layPatch(studio, patch, side) {
  for (const entry of [...patch].sort((a, b) => Number(b.key === "order") - Number(a.key === "order"))) {
    const text = entry[side];
    const value = text === undefined ? undefined : JSON.parse(text);
    const [kind, id, name] = entry.key.split(" ");
    if (kind === "order") arrange(studio, value);
    else if (kind === "strip" && value) studio.mix[id] = value;
    else if (kind === "strip") delete studio.mix[id];
    else if (kind === "layer") Object.assign(studio.layers.find((layer) => layer.id === id) ?? {}, value === undefined ? {} : { [name]: value });
    else /** @type {any} */ (studio)[kind] = value;
  }
}

/** Layers in this order; one that comes back has the curve that it had. @param {Studio} studio @param {string[]} ids */
function arrange(studio, ids) {
  const known = new Map(studio.layers.map((layer) => [layer.id, layer]));
  studio.layers = ids.map(
    (id) =>
      known.get(id) ??
      { id, name: "", envelope: studio.drawn.get(id)?.saved ?? null, sound: {}, gain_db: 0, mute: false, solo: false, take: null, channel: null },
  );
}
