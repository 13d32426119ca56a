/** The settings of the chosen hit: its sound, pitch, level and foot; another sound like it. */

import { hitText, setHit } from "../envelope/hit_settings.js";
import { timeText } from "../state/clock.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {{hits: {time: number, sound: number, foot: string | null}[], sounds: {start: number, like: number[]}[]}} Played as in API.md */

const WAIT = 200; // ms after an edit until it is asked anew what is played
const SLIDERS = { pitch: "semitones", level_db: "dB" };

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class HitForm {
  /** @type {Played | null} of the hits around the chosen one */ #played = null;
  /** @type {{time: number, root: number, used: Set<number>} | null} sounds that the chosen hit has had, like the first */ #tried = null;
  #turn = 0;
  #timer = 0;

  /**
   * @param {Studio} studio @param {import("../sound/mixer.js").Mixer} mixer @param {import("../sound/audition.js").Audition} audition
   * @param {import("./messages.js").Messages} messages
   */
  constructor(studio, mixer, audition, messages) {
    this.studio = studio;
    this.mixer = mixer;
    this.audition = audition;
    this.messages = messages;
    for (const [name, unit] of Object.entries(SLIDERS)) this.#slide(name, unit);
    byId("hit-sound").addEventListener("change", () => this.#set({ sound: numberIn("hit-sound") }, "sound of a hit"));
    byId("hit-foot").addEventListener("change", () => this.#set({ foot: byId("hit-foot").value || undefined }, "foot of a hit"));
    byId("hit").addEventListener("toggle", () => (this.show(), this.#ask()));
    studio.on("layers project sound", () => (this.#played = null));
    studio.on("selection curve layers project sound mode", () => this.show());
    studio.on("selection curve layers sound", () => this.#ask());
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const { studio } = this;
    const group = "Hit";
    const can = () => studio.hitIndex >= 0 && !studio.readOnly;
    return [
      { id: "hear-hit", title: "Hear the hit", keys: ["R"], group, run: () => this.audition.hit(), enabled: () => studio.hitIndex >= 0 },
      { id: "like-hit", title: "Another sound like that of the hit", keys: ["Shift+I"], group, run: () => this.like(), enabled: can },
      { id: "sound-before", title: "The hit has the sound before", keys: ["Shift+Z"], group, hold: true, run: () => this.swap(-1), enabled: can },
      { id: "sound-after", title: "The hit has the sound after", keys: ["Shift+X"], group, hold: true, run: () => this.swap(1), enabled: can },
      { id: "plain-hit", title: "The hit is as the others", keys: ["Alt+Shift+X"], group, run: () => this.#set({ sound: undefined, pitch: 0, level_db: 0, foot: undefined }, "plain hit"), enabled: () => can() && this.#own !== undefined },
    ];
  }

  get #own() {
    const { curve, hitIndex } = this.studio;
    return hitIndex < 0 ? undefined : curve?.hits?.get(curve.onsets[hitIndex]);
  }

  /** Moved, it is a draft; let go, an edit that is heard. @param {string} name @param {string} unit */
  #slide(name, unit) {
    const slider = byId(`hit-${name}`);
    slider.addEventListener("input", () => {
      const { hitIndex } = this.studio;
      byId(`hit-${name}-text`).textContent = `${slider.value} ${unit}`;
      if (hitIndex >= 0) this.studio.draft((curve) => setHit(curve, hitIndex, { [name]: Number(slider.value) }));
    });
    slider.addEventListener("change", () => this.studio.commitDraft(`${name.split("_")[0]} of a hit`));
  }

  /** @param {import("../envelope/curve.js").Hit} settings @param {string} label */
  #set(settings, label) {
    const { studio } = this;
    const { hitIndex } = studio;
    if (hitIndex < 0) return;
    studio.edit((curve) => setHit(curve, hitIndex, settings), label);
    studio.announce(hitText(this.#own) || "as the others");
  }

  /** The next of the layer's sounds, or the one before. @param {1 | -1} way */
  async swap(way) {
    const known = await this.#fetch();
    const now = known && this.#heard(known);
    if (!known || now === null) return;
    const count = known.sounds.length;
    this.#set({ sound: (/** @type {number} */ (now) + way + count) % count }, "sound of a hit");
  }

  /** The sound most like the first that the hit had, of those that it has not had; then it begins anew. */
  async like() {
    const known = await this.#fetch();
    const now = known && this.#heard(known);
    if (!known || now === null) return;
    const { studio } = this;
    const time = /** @type {Float64Array} */ (studio.curve?.onsets)[studio.hitIndex];
    if (known.sounds.length < 2) return this.messages.show("hit", "This layer has one sound only. A reference with several, or a pool of the library, has more.", { tone: "plain" });
    const root = /** @type {number} */ (now);
    if (this.#tried?.time !== time || !this.#tried.used.has(root)) this.#tried = { time, root, used: new Set([root]) };
    let next = known.sounds[this.#tried.root].like.find((number) => !this.#tried?.used.has(number));
    if (next === undefined) {
      next = this.#tried.root;
      this.#tried.used.clear();
    }
    this.#tried.used.add(next);
    this.#set({ sound: next }, "another sound like it");
  }

  /** The sound that the chosen hit has, as its number; null: it is silent. @param {Played} known */
  #heard(known) {
    const { curve, hitIndex } = this.studio;
    const time = curve?.onsets[hitIndex] ?? NaN;
    return known.hits.find((hit) => Math.abs(hit.time - time) < 1e-6)?.sound ?? null;
  }

  /** What is played around the chosen hit. @returns {Promise<Played | null>} */
  async #fetch() {
    const { studio, mixer, messages } = this;
    const { layer, curve, hitIndex } = studio;
    if (!layer || !curve || hitIndex < 0) return null;
    const turn = ++this.#turn;
    try {
      const played = await mixer.preview.played(layer, curve.onsets[hitIndex]);
      if (turn !== this.#turn) return null;
      this.#played = played;
      this.show();
      return played;
    } catch (error) {
      messages.fail(error, "hit");
      return null;
    }
  }

  /** A moment after the last change, while it is shown. */
  #ask() {
    clearTimeout(this.#timer);
    if (byId("hit").open && this.studio.hitIndex >= 0) this.#timer = window.setTimeout(() => this.#fetch(), WAIT);
  }

  show() {
    if (!byId("hit").open) return;
    const { studio } = this;
    const { curve, hitIndex } = studio;
    const time = curve?.onsets[hitIndex];
    byId("hit-of").textContent = curve && time !== undefined
      ? `${hitIndex + 1} of ${curve.onsets.length} at ${timeText(studio, time)}`
      : "Choose a hit: click it, or [ and ]";
    const own = this.#own ?? {};
    for (const name of ["sound", "pitch", "level_db", "foot"]) byId(`hit-${name}`).disabled = time === undefined || studio.readOnly;
    for (const [name, unit] of Object.entries(SLIDERS)) {
      const value = /** @type {any} */ (own)[name] ?? 0;
      byId(`hit-${name}`).value = String(value);
      byId(`hit-${name}-text`).textContent = `${value} ${unit}`;
    }
    byId("hit-foot").value = own.foot ?? "";
    this.#showSounds(own.sound);
    byId("hit-note").hidden = isPreview(studio.layer?.sound ?? {});
  }

  /** @param {number | undefined} own */
  #showSounds(own) {
    const field = byId("hit-sound");
    const heard = this.#played && own === undefined ? this.#heard(this.#played) : null;
    const count = Math.max(this.#played?.sounds.length ?? 0, (own ?? -1) + 1);
    const free = new Option(heard === null ? "as it comes" : `as it comes (${heard + 1})`, "");
    field.replaceChildren(free, ...Array.from({ length: count }, (_, n) => new Option(String(n + 1), String(n))));
    field.value = own === undefined ? "" : String(own);
  }
}

/** @param {string} id of a field @returns {number | undefined} */
function numberIn(id) {
  const { value } = byId(id);
  return value === "" ? undefined : Number(value);
}

/** Whether takes with these settings are made by the preview engine, as `folai.engines.choose_engine`. @param {Record<string, any>} sound */
function isPreview({ engine, sound, prompt, negative_prompt }) {
  return engine ? engine === "preview" : Boolean(sound) && !prompt && !negative_prompt;
}
