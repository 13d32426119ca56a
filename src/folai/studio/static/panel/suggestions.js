/** What the picture suggests where a layer's sound says nothing: with its doubt, and a pool of the library to hear. */

import { getJson } from "../net/api.js";
import { nameButton, rowButton } from "./row.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {{material: string, prompt: string, probability: number, hits: import("./library.js").Hit[]}} Suggestion as in API.md */

const WAIT = 1000; // ms: what a person does at once comes first
const KEYS = ["Alt+Shift+P"];
const SHOWING = ["reference", "prompt", "sound"]; // any of them says what it should sound like

export class Suggestions {
  #timer = 0;
  /** The prediction that was asked about. */ #asked = "";
  /** @type {Suggestion[]} */ #found = [];
  #message = "";

  /** @param {Studio} studio @param {import("./library.js").Library} library */
  constructor(studio, library) {
    this.studio = studio;
    this.library = library;
    studio.on("project fetched sound layers references heard history", () => this.#look());
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const enabled = () => !this.studio.readOnly && this.#free && this.#found.length > 0;
    return [{ id: "use-suggestion", title: "Use the first that the picture suggests", keys: KEYS, group: "Sound", run: () => this.#take(this.#found[0]), enabled }];
  }

  /** @returns {HTMLElement} */
  get #place() {
    return /** @type {HTMLElement} */ (document.getElementById("suggestions"));
  }

  /** Whether the active layer says nothing of its sound. */
  get #free() {
    const sound = this.studio.layer?.sound;
    return sound !== undefined && !SHOWING.some((name) => sound[name]);
  }

  #look() {
    const { project } = this.studio;
    const key = project?.prediction ? `${project.id}/${project.prediction}` : "";
    if (key !== this.#asked) [this.#found, this.#message] = [[], ""];
    this.#draw();
    if (!this.#free || !key || key === this.#asked) return;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#ask(key), WAIT);
  }

  /** @param {string} key */
  async #ask(key) {
    const { project } = this.studio;
    if (!this.#free || key !== `${project?.id}/${project?.prediction}`) return;
    this.#asked = key;
    try {
      const { suggestions, message, waiting } = await getJson(`projects/${project.id}/suggestions`);
      if (key !== this.#asked) return;
      if (waiting) this.#asked = ""; // the news that it was looked at asks again
      [this.#found, this.#message] = [suggestions, message];
    } catch {
      this.#asked = ""; // nothing was asked for: a failure is none of a person's business
    }
    this.#draw();
  }

  #draw() {
    const place = this.#place;
    place.hidden = !this.#free || !(this.#found.length || this.#message);
    if (place.hidden) return;
    const [title, list, note] = /** @type {HTMLElement[]} */ ([...place.children]);
    title.textContent = this.#found.length ? "The picture suggests" : "";
    list.replaceChildren(...this.#found.map((one, n) => this.#row(one, n)));
    note.textContent = this.#message;
  }

  /** @param {Suggestion} one @param {number} n its place */
  #row(one, n) {
    const { hits, prompt } = one;
    const row = document.createElement("li");
    row.className = "row";
    row.setAttribute("aria-current", String(n === 0)); // the one that the key takes
    const keys = n ? [] : KEYS;
    const doubt = `${Math.round(100 * one.probability)} %`;
    const text = hits.length ? `${prompt}, ${doubt}: ${hits.length} recordings` : `${prompt}, ${doubt}`;
    const use = () => this.#use(prompt);
    row.append(nameButton(text, `Use the prompt ${prompt}`, keys, use, use));
    if (hits.length) {
      row.append(
        rowButton("▶", `Play what the library has for ${prompt}`, keys, () => this.library.playAll(hits)),
        rowButton("→", `Use what the library has for ${prompt} as a pool`, keys, () => this.#take(one)),
      );
    }
    return row;
  }

  /** Its pool, where the library has one, else its words. @param {Suggestion} one */
  #take({ hits, prompt }) {
    if (hits.length) this.library.use(hits.map(({ file }) => file));
    else this.#use(prompt);
  }

  /** @param {string} prompt */
  #use(prompt) {
    const { studio } = this;
    if (!studio.layer || studio.readOnly) return studio.emit("refused");
    const { engine } = studio.layer.sound;
    studio.layer.sound = { ...studio.layer.sound, prompt, engine: engine === "preview" ? null : engine };
    studio.emit("sound");
    studio.emit("heard");
    studio.did("use suggestion");
  }
}
