/** The user's library: search, hear at once, use as a reference or drag onto a layer, favourites, more like this. */

import { call, getBytes, getJson, sendJson } from "../net/api.js";
import { rowButton } from "./row.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */
/** @typedef {{file: number, name: string, folder: string, reason: string, seconds: number, kind: string, licence: string, credit: string, favourite: boolean}} Hit as in API.md */

export const DRAGGED = "application/x-folai-recordings";
const TYPING_WAIT = 200; // ms
const POOL = 20; // recordings that "Use all" takes
const HEARD = 3; // recordings of a pool that are played
const LONGEST = 3; // seconds of each

export class Library {
  #timer = 0;
  #asked = 0;
  /** @type {(() => void) | null} */ #stop = null;
  /** @type {Hit[]} */ #hits = [];

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
    const can = () => this.studio.project !== null && !this.studio.readOnly && this.#hits.length > 0;
    return [
      { id: "use-all", title: `Use the first ${POOL} recordings found as a pool`, keys: ["Alt+Shift+B"], group: "Sound", run: () => this.use(this.#hits.map(({ file }) => file)), enabled: can },
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
      this.#draw(message);
    } catch (error) {
      this.messages.fail(error, "library");
    }
  }

  /** @param {string} message */
  #draw(message) {
    const list = /** @type {HTMLElement} */ (document.getElementById("library-hits"));
    list.replaceChildren(...this.#hits.map((hit) => this.#row(hit)));
    const note = /** @type {HTMLElement} */ (document.getElementById("library-note"));
    note.textContent = message;
    note.hidden = !message;
    this.studio.emit("library");
  }

  /** @param {Hit} hit */
  #row(hit) {
    const row = document.createElement("li");
    row.className = "row recording";
    row.draggable = true;
    row.addEventListener("dragstart", (event) => event.dataTransfer?.setData(DRAGGED, JSON.stringify([hit.file])));
    const name = document.createElement("button");
    const text = document.createElement("span");
    Object.assign(name, { type: "button", className: "name" });
    name.title = [`Play: ${hit.reason}`, `${hit.seconds.toFixed(1)} s, ${hit.kind}`, hit.licence, hit.credit].filter(Boolean).join("\n");
    text.textContent = `${hit.folder} / ${hit.name}`;
    name.append(text);
    name.addEventListener("click", () => this.#play(hit));
    row.append(
      name,
      rowButton(hit.favourite ? "★" : "☆", `${hit.name}: a favourite`, [], () => this.#keep(hit), { pressed: hit.favourite }),
      rowButton("≈", `More like ${hit.name}`, [], () => this.#show(`library/${hit.file}/like`)),
      rowButton("→", `Use ${hit.name} as the reference`, [], () => this.use([hit.file])),
    );
    return row;
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
