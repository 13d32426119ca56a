/** The user's library: search, hear at once, use as a reference or drag onto a layer, favourites, more like this. */

import { call, getBytes, getJson, sendJson } from "../net/api.js";
import { nameButton, rowButton } from "./row.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */
/** @typedef {{file: number, name: string, folder: string, reason: string, seconds: number, kind: string, licence: string, credit: string, favourite: boolean}} Hit as in API.md */

export const DRAGGED = "application/x-folai-recordings";
const TYPING_WAIT = 200; // ms
const POOL = 20; // recordings that "Use all" takes
const HEARD = 3; // recordings of a pool that are played
const LONGEST = 3; // seconds of each
/** On the chosen recording. */
const KEYS = { play: "Alt+Shift+I", keep: "Alt+Shift+T", like: "Alt+Shift+Z", use: "Alt+Shift+Enter" };

export class Library {
  #timer = 0;
  #asked = 0;
  /** @type {(() => void) | null} */ #stop = null;
  /** @type {Hit[]} */ #hits = [];
  #chosen = 0; // which of them keys act on

  /**
   * @param {Studio} studio @param {import("../sound/player.js").Player} player
   * @param {import("./messages.js").Messages} messages @param {import("./references.js").References} references
   */
  constructor(studio, player, messages, references) {
    this.studio = studio;
    this.player = player;
    this.messages = messages;
    this.references = references;
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.search(), TYPING_WAIT);
    });
    this.#field.addEventListener("keydown", (event) => event.key === "Enter" && this.search());
    studio.on("project", () => this.search());
  }

  /** @returns {HTMLInputElement} */
  get #field() {
    return /** @type {HTMLInputElement} */ (document.getElementById("library-words"));
  }

  /** @returns {Command[]} */
  commands() {
    const some = () => this.#hits.length > 0;
    const can = () => this.studio.project !== null && !this.studio.readOnly && some();
    const group = "Sound";
    const one = () => this.#hits[this.#chosen];
    return [
      { id: "recording-before", title: "Hear the recording before, in the library", keys: ["Alt+Shift+↑"], group, hold: true, run: () => this.#go(-1), enabled: some },
      { id: "recording-after", title: "Hear the next recording of the library", keys: ["Alt+Shift+↓"], group, hold: true, run: () => this.#go(1), enabled: some },
      { id: "recording", title: "Hear the chosen recording again", keys: [KEYS.play], group, run: () => this.#play(one()), enabled: some },
      { id: "recording-kept", title: "The chosen recording is a favourite, or not", keys: [KEYS.keep], group, run: () => this.#keep(one()), enabled: some },
      { id: "recordings-like", title: "More like the chosen recording", keys: [KEYS.like], group, run: () => this.#like(one()), enabled: some },
      { id: "use-recording", title: "Use the chosen recording as the reference", keys: [KEYS.use], group, run: () => this.use([one().file]), enabled: can },
      { id: "use-all", title: `Use the first ${POOL} recordings found as a pool`, keys: ["Alt+Shift+B"], group, run: () => this.use(this.#hits.map(({ file }) => file)), enabled: can },
    ];
  }

  search() {
    const words = this.#field.value.trim();
    this.#show(words ? `library?words=${encodeURIComponent(words)}` : "library");
  }

  /** Shows the hits of a request, unless another was made since. @param {string} path */
  async #show(path) {
    const asked = ++this.#asked;
    this.messages.clear("library");
    try {
      const { hits, message } = await getJson(path);
      if (asked !== this.#asked) return;
      this.#hits = hits;
      this.#chosen = 0;
      this.#draw(message);
    } catch (error) {
      this.messages.fail(error, "library");
    }
  }

  /** @param {string} message */
  #draw(message) {
    const list = /** @type {HTMLElement} */ (document.getElementById("library-hits"));
    list.replaceChildren(...this.#hits.map((hit, n) => this.#row(hit, n)));
    const note = /** @type {HTMLElement} */ (document.getElementById("library-note"));
    note.textContent = message;
    note.hidden = !message;
    this.studio.emit("library");
  }

  /** @param {Hit} hit @param {number} n */
  #row(hit, n) {
    const own = (/** @type {string} */ key) => (n === this.#chosen ? [key] : []);
    const row = document.createElement("li");
    row.className = "row recording";
    row.setAttribute("aria-current", String(n === this.#chosen));
    row.draggable = true;
    row.addEventListener("dragstart", (event) => event.dataTransfer?.setData(DRAGGED, JSON.stringify([hit.file])));
    const facts = [`Play: ${hit.reason}`, `${hit.seconds.toFixed(1)} s, ${hit.kind}`, hit.licence, hit.credit].filter(Boolean).join("\n");
    const name = nameButton(`${hit.folder} / ${hit.name}`, facts, own(KEYS.play), () => this.#go(n - this.#chosen));
    row.append(
      name,
      rowButton(hit.favourite ? "★" : "☆", `${hit.name}: a favourite`, own(KEYS.keep), () => this.#keep(hit), { pressed: hit.favourite }),
      rowButton("≈", `More like ${hit.name}`, own(KEYS.like), () => this.#like(hit)),
      rowButton("→", `Use ${hit.name} as the reference`, own(KEYS.use), () => this.use([hit.file])),
    );
    return row;
  }

  /** Chooses a recording and plays it. @param {number} steps from the chosen one */
  #go(steps) {
    const list = /** @type {HTMLElement} */ (document.getElementById("library-hits"));
    const rows = () => list.querySelectorAll(".recording");
    const focused = list.contains(document.activeElement);
    this.#chosen = Math.min(Math.max(this.#chosen + steps, 0), this.#hits.length - 1);
    if (steps) this.#draw("");
    rows()[this.#chosen].scrollIntoView({ block: "nearest" });
    if (focused) rows()[this.#chosen].querySelector("button")?.focus();
    return this.#play(this.#hits[this.#chosen]);
  }

  /** @param {Hit} hit */
  #like(hit) {
    return this.#show(`library/${hit.file}/like`);
  }

  /** @param {Hit} hit */
  #play(hit) {
    return this.playAll([hit]);
  }

  /** Plays the first few recordings of a pool, one after the other; what played before ends. @param {Hit[]} hits */
  async playAll(hits) {
    this.#stop?.();
    const { player, messages } = this;
    let over = false;
    this.#stop = () => (over = true);
    try {
      for (const { file } of hits.slice(0, HEARD)) {
        const buffer = await player.context.decodeAudioData(await getBytes(`library/${file}/audio`));
        await player.context.resume();
        if (over) return;
        const silence = player.once(buffer);
        this.#stop = () => {
          over = true;
          silence();
        };
        const seconds = hits.length > 1 ? Math.min(buffer.duration, LONGEST) : buffer.duration;
        await new Promise((done) => setTimeout(done, 1000 * seconds));
        if (over) return;
        if (hits.length > 1) silence();
      }
    } catch (error) {
      messages.fail(error, "library");
    }
  }

  /** @param {Hit} hit */
  async #keep(hit) {
    try {
      await call("PATCH", `library/${hit.file}`, { json: { favourite: !hit.favourite } });
      hit.favourite = !hit.favourite;
      this.#draw("");
    } catch (error) {
      this.messages.fail(error, "library");
    }
  }

  /** Makes recordings the reference of the active layer; several are a pool. @param {number[]} files */
  async use(files) {
    const { studio, messages } = this;
    messages.clear("library");
    try {
      this.references.take(await sendJson("POST", `projects/${studio.project.id}/references/library`, { files: files.slice(0, POOL) }));
    } catch (error) {
      messages.fail(error, "library");
    }
  }

  /** What was dragged here from the list goes to the layer under it. @param {DragEvent} event */
  drop(event) {
    const dragged = event.dataTransfer?.getData(DRAGGED);
    if (!dragged || !this.studio.project) return false;
    const target = event.target instanceof Element ? event.target.closest("[data-layer]") : null;
    const layer = target instanceof HTMLElement ? target.dataset.layer : undefined;
    if (layer && layer !== this.studio.activeId) this.studio.activate(layer);
    this.use(JSON.parse(dragged));
    return true;
  }
}
