/** The takes of the active layer: which one plays, A and B, mute, solo, level, waveform. */

import { cleared, readColours } from "../timeline/canvas.js";
import { drawPeaks } from "../timeline/sound_lanes.js";
import { call, getBytes } from "../net/api.js";
import { ask } from "./ask.js";
import { gainSlider, nameButton, rowButton } from "./row.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */

const COLUMNS = 300; // of a take's small waveform

export class TakeList {
  /** @type {Map<string, Int8Array | "asked">} */ #peaks = new Map();

  /** @param {Studio} studio @param {HTMLElement} root @param {HTMLElement} none shown where there are none */
  constructor(studio, root, none) {
    this.studio = studio;
    this.root = root;
    this.none = none;
    studio.on("takes layers project heard", () => this.draw());
  }

  draw() {
    const { studio } = this;
    const layer = studio.layer;
    const takes = layer ? studio.takesOf(layer.id) : [];
    this.none.hidden = takes.length > 0;
    const focused = document.activeElement?.closest?.("[data-take]");
    const [id, nth] = [focused?.getAttribute("data-take"), focused && [...focused.querySelectorAll("button, input")].indexOf(/** @type {any} */ (document.activeElement))];
    this.root.replaceChildren(...takes.map((take, n) => this.#row(take, n)).reverse());
    if (id && typeof nth === "number" && nth >= 0) {
      const again = this.root.querySelector(`[data-take="${id}"]`)?.querySelectorAll("button, input")[nth];
      /** @type {HTMLElement | undefined} */ (again)?.focus();
    }
    requestAnimationFrame(() => this.#drawWaves());
  }

  /** @param {any} take @param {number} n */
  #row(take, n) {
    const { studio } = this;
    const strip = studio.strip(take.id);
    const row = document.createElement("li");
    row.className = "row take";
    row.dataset.take = take.id;
    const current = take.id === currentTake(studio)?.id;
    const own = (/** @type {string[]} */ keys) => (current ? keys : []);
    row.setAttribute("aria-current", String(current));
    row.classList.toggle("heard", studio.heard === "takes" && take === (studio.layer && studio.chosenTake(studio.layer)));
    const { a, b } = studio.slots;
    const facts = document.createElement("span");
    facts.className = "facts";
    facts.textContent = factsOf(take, studio);
    facts.title = [facts.textContent, ...(take.warnings ?? [])].join("\n");
    const level = document.createElement("span");
    level.className = "level";
    const [slider, output] = gainSlider(`Level of ${strip.name} in dB`, own(["Alt+U"]), strip.gain_db, (db) => {
      strip.gain_db = db;
      studio.emit("mix");
      studio.emit("edited");
    });
    if (current) slider.dataset.key = "Alt+U";
    level.append(slider, output);
    const wave = document.createElement("canvas");
    wave.setAttribute("aria-hidden", "true");
    row.append(
      nameButton(strip.name, `Play ${strip.name}`, n < 9 ? [String(n + 1)] : [], () => hear(studio, take), () => rename(studio, take)),
      rowButton("A", `Use ${strip.name} as A`, own(["Shift+A"]), () => setSlot(studio, "a", take), { className: "slot-a", pressed: take.id === a }),
      rowButton("B", `Use ${strip.name} as B`, own(["Shift+B"]), () => setSlot(studio, "b", take), { className: "slot-b", pressed: take.id === b }),
      rowButton("M", `Mute ${strip.name}`, own(["Shift+M"]), () => flip(studio, take, "mute"), { pressed: strip.mute }),
      rowButton("S", `Solo ${strip.name}`, own(["Shift+S"]), () => flip(studio, take, "solo"), { pressed: strip.solo }),
      rowButton("↺", `Use the settings of ${strip.name}`, own(["Shift+U"]), () => useSettings(studio, take)),
      rowButton("×", `Delete ${strip.name}`, own(["Shift+Delete"]), () => remove(studio, take)),
      facts,
      level,
      wave,
    );
    return row;
  }

  #drawWaves() {
    const colours = readColours();
    for (const row of this.root.querySelectorAll("[data-take]")) {
      const id = row.getAttribute("data-take") ?? "";
      const canvas = row.querySelector("canvas");
      const peaks = this.#peaks.get(id);
      if (!canvas) continue;
      if (!peaks) this.#fetch(id);
      const { width, height } = canvas.getBoundingClientRect();
      const context = cleared(canvas, { width, height });
      context.fillStyle = colours.wave;
      const axis = /** @type {any} */ ({ start: 0, end: 1, width, perPixel: 1 / width, toX: (/** @type {number} */ t) => t * width });
      if (peaks instanceof Int8Array) drawPeaks(context, axis, height, peaks, 0, 1 / COLUMNS);
    }
  }

  /** @param {string} id */
  async #fetch(id) {
    this.#peaks.set(id, "asked");
    const path = `projects/${this.studio.project.id}/takes/${id}/peaks?count=${COLUMNS}`;
    try {
      this.#peaks.set(id, new Int8Array(await getBytes(path)));
      this.#drawWaves();
    } catch {
      this.#peaks.delete(id);
    }
  }
}

/** The take that keys act on: the one used last, else the one that plays. @param {Studio} studio */
export function currentTake(studio) {
  const layer = studio.layer;
  if (!layer) return undefined;
  return studio.takesOf(layer.id).find((take) => take.id === studio.takeId) ?? studio.chosenTake(layer);
}

/** @param {Studio} studio @returns {Command[]} */
export function takeCommands(studio) {
  const group = "Takes";
  const some = () => currentTake(studio) !== undefined;
  const on = (/** @type {(take: any) => void} */ act) => () => {
    const take = currentTake(studio);
    if (take) act(take);
  };
  /** @type {Omit<Command, "group">[]} */
  const commands = [
    { id: "switch-ab", title: "Switch between A and B", keys: ["X"], run: () => switchAb(studio), enabled: () => Boolean(studio.slots.a && studio.slots.b) },
    { id: "slot-a", title: "Use the take as A", keys: ["Shift+A"], run: on((take) => setSlot(studio, "a", take)), enabled: some },
    { id: "slot-b", title: "Use the take as B", keys: ["Shift+B"], run: on((take) => setSlot(studio, "b", take)), enabled: some },
    { id: "mute-take", title: "Mute the take", keys: ["Shift+M"], run: on((take) => flip(studio, take, "mute")), enabled: some },
    { id: "solo-take", title: "Solo the take", keys: ["Shift+S"], run: on((take) => flip(studio, take, "solo")), enabled: some },
    { id: "use-settings", title: "Use the take's settings", keys: ["Shift+U"], run: on((take) => useSettings(studio, take)), enabled: some },
    { id: "rename-take", title: "Rename the take", keys: ["Shift+T"], run: on((take) => rename(studio, take)), enabled: some },
    { id: "delete-take", title: "Delete the take", keys: ["Shift+Delete"], run: on((take) => remove(studio, take)), enabled: some },
    ...Array.from({ length: 9 }, (_, n) => ({
      id: `take-${n + 1}`,
      title: `Play take ${n + 1}`,
      keys: [`${n + 1}`],
      run: () => {
        const take = studio.layer && studio.takesOf(studio.layer.id)[n];
        if (take) hear(studio, take);
      },
    })),
  ];
  return commands.map((command) => ({ ...command, group }));
}

/** @param {Studio} studio @param {any} take */
export function hear(studio, take) {
  const layer = studio.layers.find((one) => one.id === take.layer);
  if (!layer) return;
  layer.take = take.id;
  studio.takeId = take.id;
  studio.heard = "takes";
  studio.emit("takes");
  studio.emit("mode");
  studio.emit("edited");
  studio.announce(`Playing ${studio.strip(take.id).name}`);
}

/** @param {Studio} studio */
function switchAb(studio) {
  const { a, b } = studio.slots;
  const other = studio.layer && studio.chosenTake(studio.layer)?.id === a ? b : a;
  const take = studio.takes.find((one) => one.id === other);
  if (take) hear(studio, take);
}

/** @param {Studio} studio @param {"a" | "b"} slot @param {any} take */
function setSlot(studio, slot, take) {
  const before = studio.slots[slot];
  const other = slot === "a" ? "b" : "a";
  studio.slots[slot] = before === take.id ? null : take.id;
  if (studio.slots[other] === take.id) studio.slots[other] = null;
  studio.takeId = take.id;
  studio.emit("takes");
}

/** @param {Studio} studio @param {any} take @param {"mute" | "solo"} what */
function flip(studio, take, what) {
  const strip = studio.strip(take.id);
  strip[what] = !strip[what];
  studio.takeId = take.id;
  studio.emit("takes");
  studio.emit("edited");
}

/** @param {Studio} studio @param {any} take */
function useSettings(studio, take) {
  const layer = studio.layers.find((one) => one.id === take.layer);
  if (!layer) return;
  layer.sound = structuredClone(take.sound);
  studio.emit("sound");
  studio.emit("edited");
}

/** @param {Studio} studio @param {any} take */
async function rename(studio, take) {
  const strip = studio.strip(take.id);
  const name = await ask("Name of the take", { field: "Name", value: strip.name });
  if (!name) return;
  strip.name = name.slice(0, 80);
  studio.emit("takes");
  studio.emit("edited");
}

/** @param {Studio} studio @param {any} take */
async function remove(studio, take) {
  const { name } = studio.strip(take.id);
  if (!(await ask(`Delete ${name}? Its file is deleted too. This cannot be undone.`, { yes: "Delete" }))) return;
  try {
    await call("DELETE", `projects/${studio.project.id}/takes/${take.id}`);
  } catch (error) {
    return studio.emit("failed", error);
  }
  studio.takes = studio.takes.filter((other) => other.id !== take.id);
  delete studio.mix[take.id];
  for (const layer of studio.layers) if (layer.take === take.id) layer.take = null;
  for (const slot of /** @type {("a" | "b")[]} */ (["a", "b"])) if (studio.slots[slot] === take.id) studio.slots[slot] = null;
  studio.emit("takes");
  studio.emit("edited");
}

/** @param {any} take @param {Studio} studio @returns {string} */
function factsOf(take, studio) {
  const { sound, engine, region } = take;
  const reference = studio.references.find((one) => one.id === sound.reference)?.name;
  const what = [reference, sound.prompt && `“${sound.prompt}”`, !sound.prompt && sound.sound].filter(Boolean).join(" + ");
  const part = region ? ` · ${region.start.toFixed(2)}–${region.end.toFixed(2)} s regenerated` : "";
  return `${what || "wood"} · ${engine} · seed ${sound.seed ?? 0}${part}`;
}
