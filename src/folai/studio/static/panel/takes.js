/** The takes of the active layer: which one plays, A and B, mute, solo, level, waveform. */

import { cleared, readColours } from "../timeline/canvas.js";
import { drawPeaks } from "../timeline/sound_lanes.js";
import { getBytes } from "../net/api.js";
import { ask } from "./ask.js";
import { gainSlider, nameButton, rowButton } from "./row.js";
import { downloadTake, dragOut } from "./take_files.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */

/** @type {("a" | "b")[]} */
const SLOTS = ["a", "b"];
const COLUMNS = 300; // of a take's small waveform

export class TakeList {
  /** @type {Map<string, Int8Array | "asked">} */ #peaks = new Map();

  /** @param {Studio} studio @param {HTMLElement} root @param {HTMLElement} none shown where there are none */
  constructor(studio, root, none) {
    this.studio = studio;
    this.root = root;
    this.none = none;
    studio.on("takes layers project heard", () => this.draw());
    studio.on("takes layers project curve saved", () => this.#mark());
    for (const slot of SLOTS) {
      slotField(slot).addEventListener("change", () => {
        const take = studio.takes.find(({ id }) => id === slotField(slot).value);
        if (take) setSlot(studio, slot, take);
        slotField(slot).blur();
      });
    }
  }

  /** The pair that is compared. @param {any[]} takes */
  #drawPair(takes) {
    for (const slot of SLOTS) {
      const named = takes.map(({ id }) => new Option(this.studio.strip(id).name, id));
      slotField(slot).replaceChildren(new Option("–", ""), ...named);
      slotField(slot).value = this.studio.slots[slot] ?? "";
    }
  }

  /** Marks those that were made from a curve which is another now. */
  #mark() {
    for (const row of this.root.querySelectorAll("[data-take]")) {
      const take = this.studio.takes.find(({ id }) => id === row.getAttribute("data-take"));
      row.classList.toggle("of-older-curve", Boolean(take) && isOlder(this.studio, take));
    }
  }

  draw() {
    const { studio } = this;
    const layer = studio.layer;
    const takes = layer ? studio.takesOf(layer.id) : [];
    this.none.hidden = takes.length > 0;
    this.#drawPair(takes);
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
    row.classList.toggle("slot-a", take.id === studio.slots.a);
    row.classList.toggle("slot-b", take.id === studio.slots.b);
    const facts = document.createElement("span");
    facts.className = "facts";
    facts.textContent = factsOf(take, studio);
    facts.title = [facts.textContent, ...(take.warnings ?? [])].join("\n");
    const older = document.createElement("span");
    older.className = "older";
    older.textContent = "older curve";
    older.title = "The curve was changed since this take was made. Generate makes one that follows it.";
    const level = document.createElement("span");
    level.className = "level";
    const [slider, output] = gainSlider(`Level of ${strip.name} in dB`, own(["Alt+U"]), strip.gain_db, (db) => {
      strip.gain_db = db;
      studio.emit("mix");
      studio.did("level of a take", `gain ${take.id}`);
    });
    if (current) slider.dataset.key = "Alt+U";
    level.append(slider, output);
    const wave = document.createElement("canvas");
    wave.setAttribute("aria-hidden", "true");
    dragOut(wave, studio, take);
    row.append(
      nameButton(strip.name, `Play ${strip.name}`, n < 9 ? [String(n + 1)] : [], () => hear(studio, take), () => rename(studio, take)),
      rowButton("M", `Mute ${strip.name}`, own(["Shift+M"]), () => flip(studio, take, "mute"), { pressed: strip.mute }),
      rowButton("S", `Solo ${strip.name}`, own(["Shift+S"]), () => flip(studio, take, "solo"), { pressed: strip.solo }),
      rowButton("Load", `Load settings of ${strip.name}`, own(["Shift+U"]), () => useSettings(studio, take), { className: "load" }),
      rowButton("↓", `Download ${strip.name}`, own(["Shift+Q"]), () => downloadTake(studio, take)),
      rowButton("×", `Delete ${strip.name}`, own(["Shift+Delete"]), () => remove(studio, take)),
      facts,
      level,
      wave,
    );
    row.append(older);
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

/** @param {"a" | "b"} slot @returns {HTMLSelectElement} */
function slotField(slot) {
  return /** @type {HTMLSelectElement} */ (document.getElementById(`slot-${slot}`));
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
    { id: "use-settings", title: "Load the take's settings", keys: ["Shift+U"], run: on((take) => useSettings(studio, take)), enabled: some },
    { id: "rename-take", title: "Rename the take", keys: ["Shift+T"], run: on((take) => rename(studio, take)), enabled: some },
    { id: "download-take", title: "Download the take as a WAV file", keys: ["Shift+Q"], run: on((take) => downloadTake(studio, take)), enabled: some },
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

/** Chooses a take and plays it. @param {Studio} studio @param {any} take @param {boolean} [byHand] a person has chosen it */
export function hear(studio, take, byHand = true) {
  const layer = studio.layers.find((one) => one.id === take.layer);
  if (!layer) return;
  layer.take = take.id;
  studio.takeId = take.id;
  studio.heard = "takes";
  studio.emit("takes");
  studio.emit("mode");
  if (byHand) studio.did("choose take", `!take ${layer.id}`);
  else studio.arrive(`layer ${layer.id} take`);
  studio.announce(`Playing ${studio.strip(take.id).name}${take.sound.loop ? ", a loop" : ""}`);
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
  studio.did(`${what} take`);
}

/** @param {Studio} studio @param {any} take */
function useSettings(studio, take) {
  const layer = studio.layers.find((one) => one.id === take.layer);
  if (!layer) return;
  layer.sound = structuredClone(take.sound);
  studio.emit("sound");
  studio.did("load settings");
}

/** @param {Studio} studio @param {any} take */
async function rename(studio, take) {
  const strip = studio.strip(take.id);
  const name = await ask("Name of the take", { field: "Name", value: strip.name });
  if (!name) return;
  strip.name = name.slice(0, 80);
  studio.emit("takes");
  studio.did("rename take");
}

/** Undo brings it back; its file goes a week later. @param {Studio} studio @param {any} take */
function remove(studio, take) {
  if (studio.readOnly) return studio.emit("refused");
  const { name } = studio.strip(take.id);
  studio.strip(take.id).deleted = true;
  for (const layer of studio.layers) if (layer.take === take.id) layer.take = null;
  for (const slot of SLOTS) if (studio.slots[slot] === take.id) studio.slots[slot] = null;
  studio.emit("takes");
  studio.did("delete take");
  studio.announce(`${name} deleted. Undo brings it back`);
}

/** Whether the layer's curve is another than the one that a take follows. @param {Studio} studio @param {any} take */
function isOlder(studio, take) {
  const drawn = studio.drawn.get(take.layer);
  return Boolean(drawn) && (drawn?.dirty !== null || drawn.saved !== take.envelope);
}

/** @param {any} take @param {Studio} studio @returns {string} */
function factsOf(take, studio) {
  const { sound, engine, region } = take;
  const reference = studio.references.find((one) => one.id === sound.reference)?.name;
  const words = [sound.prompt, sound.segments].filter(Boolean).map((/** @type {string} */ text) => `“${text}”`);
  const what = [reference, ...words, !sound.prompt && sound.sound].filter(Boolean).join(" + ");
  const spans = region && (region.spans ?? [[region.start, region.end]]).map((/** @type {number[]} */ span) => span.map((time) => time.toFixed(2)).join("–"));
  const part = spans ? ` · ${spans.join(", ")} s regenerated` : "";
  return `${what || "wood"} · ${engine} · seed ${sound.seed ?? 0}${sound.loop ? " · loop" : ""}${part}`;
}
