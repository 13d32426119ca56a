/** The settings of the chosen hit, or of all in the region: sound, pitch, level and foot; another sound like it. */

import { alikeIn, hitText, setHits } from "../envelope/hit_settings.js";
import { firstFrom } from "../envelope/curve.js";
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
    byId("hit-sound").addEventListener("change", () => this.#set({ sound: numberIn("hit-sound") }, "sound"));
    byId("hit-foot").addEventListener("change", () => this.#set({ foot: byId("hit-foot").value || undefined }, "foot"));
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
      { id: "plain-hit", title: "The hit is as the others, or all in the region", keys: ["Alt+Shift+X"], group, run: () => this.#set({ sound: undefined, pitch: 0, level_db: 0, foot: undefined }, "plain"), enabled: () => !studio.readOnly && this.#chosen.some((index) => this.#settings(index)) },
    ];
  }

  /** Indices of the hits that are meant: the chosen one, or those of the region. @returns {number[]} */
  get #chosen() {
    const { curve, hitIndex, region } = this.studio;
    if (hitIndex >= 0) return [hitIndex];
    if (!curve || !region) return [];
    const [first, stop] = [firstFrom(curve.onsets, region.start), firstFrom(curve.onsets, region.end)];
    return Array.from({ length: stop - first }, (_, n) => first + n);
  }

  /** @param {number} index of a hit */
  #settings(index) {
    const { curve } = this.studio;
    return curve?.hits?.get(curve.onsets[index]);
  }

  /** Moved, it is a draft; let go, an edit that is heard. @param {string} name @param {string} unit */
  #slide(name, unit) {
    const slider = byId(`hit-${name}`);
    slider.addEventListener("input", () => {
      const chosen = this.#chosen;
      byId(`hit-${name}-text`).textContent = `${slider.value} ${unit}`;
      if (chosen.length) this.studio.draft((curve) => setHits(curve, chosen, { [name]: Number(slider.value) }));
    });
    slider.addEventListener("change", () => this.studio.commitDraft(this.#label(name.split("_")[0])));
  }

  /** What an edit is called. @param {string} what */
  #label(what) {
    const count = this.#chosen.length;
    return count === 1 ? `${what} of a hit` : `${what} of ${count} hits`;
  }

  /** @param {import("../envelope/curve.js").Hit} settings @param {string} what */
  #set(settings, what) {
    const { studio } = this;
    const chosen = this.#chosen;
    if (!chosen.length) return;
    studio.edit((curve) => setHits(curve, chosen, settings), this.#label(what));
    const said = hitText(alikeIn(chosen.map((index) => this.#settings(index))).alike) || "as the others";
    studio.announce(chosen.length === 1 ? said : `${chosen.length} hits: ${said}`);
  }

  /** The next of the layer's sounds, or the one before. @param {1 | -1} way */
  async swap(way) {
    const known = await this.#fetch();
    const now = known && this.#heard(known);
    if (!known || now === null) return;
    const count = known.sounds.length;
    this.#set({ sound: (/** @type {number} */ (now) + way + count) % count }, "sound");
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
    this.#set({ sound: next }, "another sound");
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
    const { layer, curve } = studio;
    const [index] = this.#chosen;
    if (!layer || !curve || index === undefined) return null;
    const turn = ++this.#turn;
    try {
      const played = await mixer.preview.played(layer, curve.onsets[index]);
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
    if (byId("hit").open && this.#chosen.length) this.#timer = window.setTimeout(() => this.#fetch(), WAIT);
  }

  show() {
    if (!byId("hit").open) return;
    const { studio } = this;
    const chosen = this.#chosen;
    byId("hit-of").textContent = this.#where(chosen);
    const { alike, differ } = alikeIn(chosen.map((index) => this.#settings(index)));
    for (const name of ["sound", "pitch", "level_db", "foot"]) byId(`hit-${name}`).disabled = !chosen.length || studio.readOnly;
    for (const [name, unit] of Object.entries(SLIDERS)) {
      const value = /** @type {any} */ (alike)[name] ?? 0;
      byId(`hit-${name}`).value = String(value);
      byId(`hit-${name}-text`).textContent = differ.has(name) ? "various" : `${value} ${unit}`;
    }
    byId("hit-foot").value = differ.has("foot") ? "various" : (alike.foot ?? "");
    this.#showSounds(alike.sound, differ.has("sound"));
    byId("hit-note").hidden = isPreview(studio.layer?.sound ?? {});
  }

  /** In words. @param {number[]} chosen */
  #where(chosen) {
    const { studio } = this;
    const { curve } = studio;
    if (!curve || !chosen.length) return "Choose a hit: click it, or [ and ]. A region chooses all its hits.";
    const [from, to] = [chosen[0], chosen[chosen.length - 1]].map((index) => timeText(studio, curve.onsets[index]));
    if (chosen.length === 1) return `${chosen[0] + 1} of ${curve.onsets.length} at ${from}`;
    return `${chosen.length} hits, ${from} to ${to}`;
  }

  /** @param {number | undefined} own @param {boolean} various whether the chosen hits have several */
  #showSounds(own, various) {
    const field = byId("hit-sound");
    const one = this.#chosen.length === 1 && own === undefined;
    const heard = this.#played && one ? this.#heard(this.#played) : null;
    const count = Math.max(this.#played?.sounds.length ?? 0, (own ?? -1) + 1);
    const free = new Option(heard === null ? "as it comes" : `as it comes (${heard + 1})`, "");
    field.replaceChildren(free, ...Array.from({ length: count }, (_, n) => new Option(String(n + 1), String(n))));
    if (various) field.prepend(new Option("various", "various"));
    field.value = various ? "various" : own === undefined ? "" : String(own);
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
