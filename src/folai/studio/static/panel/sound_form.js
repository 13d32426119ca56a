/** The sound of the active layer: the form, what it means, and the presets kept with the project. */

import { nameFields } from "../commands/keys.js";
import { sendJson } from "../net/api.js";
import { ask } from "./ask.js";
import { Words } from "./words.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */

const PROMPTS = ["prompt", "negative_prompt"];
const TEXTS = [...PROMPTS, "segments"];
const CHOICES = ["engine", "model", "sound", "reference", "lora"];
const AT_ONCE = [1, 3, 5]; // takes of one Generate
const ADVANCED = "folai-advanced"; // in the browser: whether these settings are shown
const CHECK_WAIT = 300; // ms
const LONGEST = 90; // letters of a note

export class SoundForm {
  #timer = 0;
  /** @type {any} */ #vocabulary = { options: {} };
  /** @type {string[]} */ #numbers = [
    ..."seed variations num_steps cfg_scale control_scale envelope_lock likeness init_strength".split(" "),
  ];

  /** @type {string[]} choices among names, each with its own default */ #choices = [];
  /** @type {string[]} yes or no */ #flags = [];

  /** @param {Studio} studio @param {HTMLFormElement} form */
  constructor(studio, form) {
    this.studio = studio;
    this.form = form;
    this.words = PROMPTS.map((id) => new Words(this.#field(id), /** @type {HTMLElement} */ (document.getElementById(`${id}-words`))));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => this.#tell(/** @type {HTMLInputElement} */ (event.target)));
    form.addEventListener("change", (event) => this.#changed(/** @type {HTMLInputElement} */ (event.target).name));
    studio.on("sound layers project references", () => this.fill());
    studio.on("presets project", () => this.#fillPresets());
    this.#presets.addEventListener("change", () => this.#usePreset());
    const advanced = /** @type {HTMLDetailsElement} */ (document.getElementById("advanced"));
    advanced.open = localStorage.getItem(ADVANCED) === "shown";
    advanced.addEventListener("toggle", () => localStorage.setItem(ADVANCED, advanced.open ? "shown" : ""));
  }

  /** @param {any} vocabulary as in API.md */
  know(vocabulary) {
    this.#vocabulary = vocabulary;
    for (const one of this.words) one.know(vocabulary.words);
    choices(this.#field("engine"), [["", "automatic"], ...vocabulary.engines.map(pair)]);
    choices(this.#field("model"), vocabulary.models.map(pair));
    choices(this.#field("sound"), [["", "–"], ...vocabulary.materials.map(pair)]);
    this.#addOptions();
    nameFields();
    this.fill();
  }

  /** Controls for numbers that this page has no control of its own for. */
  #addOptions() {
    const more = /** @type {HTMLElement} */ (document.getElementById("more-options"));
    for (const [name, option] of Object.entries(this.#vocabulary.options)) {
      const known = this.form.elements.namedItem(name);
      if (known instanceof HTMLInputElement) {
        for (const [own, limit] of [["min", "minimum"], ["max", "maximum"]]) {
          if (option[limit] !== undefined) known.setAttribute(own, option[limit]);
        }
        continue;
      }
      const key = `Alt+${more.childElementCount + 1}`;
      const isFlag = option.type === "boolean";
      more.append(isFlag ? flagRow(name, key) : option.enum ? choiceRow(name, option, key) : optionRow(name, option, key));
      (isFlag ? this.#flags : option.enum ? this.#choices : this.#numbers).push(name);
    }
  }

  /** @param {string} name @returns {any} */
  #field(name) {
    return this.form.elements.namedItem(name);
  }

  /** @returns {HTMLSelectElement} */
  get #presets() {
    return /** @type {HTMLSelectElement} */ (document.getElementById("preset"));
  }

  /** Shows the active layer's sound. */
  fill() {
    const { studio } = this;
    const sound = studio.layer?.sound ?? {};
    const of = /** @type {HTMLElement} */ (document.getElementById("sound-of"));
    of.textContent = studio.layers.length > 1 ? (studio.layer?.name ?? "") : "";
    choices(this.#field("reference"), [["", "drop a sound here"], ...studio.references.map((one) => [one.id, one.name])]);
    choices(this.#field("lora"), [["", "none"], ...studio.additions.map((one) => [one.id, one.name])]);
    for (const name of [...TEXTS, ...CHOICES]) this.#field(name).value = sound[name] ?? (name === "model" ? "small" : "");
    for (const name of this.#choices) this.#field(name).value = sound[name] ?? this.#vocabulary.options[name].default ?? "";
    for (const name of this.#flags) this.#field(name).checked = sound[name] ?? this.#vocabulary.options[name].default;
    const count = sound.variations ?? 1;
    const counts = [...new Set([...AT_ONCE, count])].sort((a, b) => a - b);
    choices(this.#field("variations"), counts.map((n) => [String(n), n === 1 ? "1 take" : `${n} takes`]));
    for (const name of this.#numbers) {
      const field = this.#field(name);
      if (!field) continue;
      field.value = String(sound[name] ?? this.#vocabulary.options[name]?.default ?? { seed: 0, variations: 1 }[name] ?? 0);
      this.#tell(field);
    }
    this.#check();
  }

  /** @param {HTMLInputElement} field */
  #tell(field) {
    const output = field.type === "range" ? field.parentElement?.querySelector("output") : null;
    if (output) output.textContent = Number(field.value).toFixed(2);
  }

  /** @param {string} name of the field that a person has changed */
  #changed(name) {
    const { studio } = this;
    const layer = studio.layer;
    if (!layer) return;
    this.#agree(name);
    const sound = { ...layer.sound };
    for (const name of [...TEXTS, ...CHOICES, ...this.#choices]) sound[name] = this.#field(name).value.trim() || null;
    for (const name of this.#numbers) {
      const field = this.#field(name);
      if (field && field.value !== "" && field.checkValidity()) sound[name] = Number(field.value);
    }
    for (const name of this.#flags) sound[name] = this.#field(name).checked;
    sound.model ??= "small";
    layer.sound = sound;
    this.#check();
    studio.emit("heard");
    studio.did("change sound", `sound ${layer.id} ${name}`);
  }

  /**
   * What was filled in last holds: a prompt needs the trained model and no built-in sound, a sound is
   * built in or a reference, and an addition is one to the trained model. @param {string} name of the field
   */
  #agree(name) {
    const field = (/** @type {string} */ other) => this.#field(other);
    if (!field(name)?.value) return;
    if (TEXTS.includes(name) && field("engine").value === "preview") field("engine").value = "";
    if (TEXTS.includes(name) || name === "reference") field("sound").value = "";
    if (name === "sound") field("reference").value = "";
    if (name === "lora" && field("engine").value === "preview") field("engine").value = "";
    if (name === "lora" && field("sound").value) field("engine").value = "diffusion";
    if (name === "sound" || (name === "engine" && field("engine").value === "preview")) for (const text of TEXTS) field(text).value = "";
  }

  /** Shows, a moment later, what does not go together, words that are unknown, and which engine it will be. */
  #check() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(async () => {
      const layer = this.studio.layer;
      if (!layer) return;
      try {
        const { warnings, engine } = await sendJson("POST", "sound", layer.sound);
        this.#note(warnings.join("; "), false);
        this.#field("engine").options[0].textContent = `automatic (${engine})`;
      } catch (error) {
        this.#note(error instanceof Error ? error.message : "", true);
      }
    }, CHECK_WAIT);
  }

  /** One line; a list of all words stands in its title. @param {string} text @param {boolean} bad */
  #note(text, bad) {
    const note = /** @type {HTMLElement} */ (document.getElementById("prompt-note"));
    const short = text.length > LONGEST ? `${text.slice(0, LONGEST).replace(/[;,: ]+[^;,: ]*$/, "")} …` : text;
    note.textContent = short;
    note.title = short === text ? "" : text;
    note.hidden = !text;
    note.dataset.tone = bad ? "bad" : "";
  }

  #fillPresets() {
    choices(this.#presets, [["", "Presets"], ...this.studio.presets.map(({ name }) => [name, name])]);
  }

  #usePreset() {
    const { studio } = this;
    const preset = studio.presets.find(({ name }) => name === this.#presets.value);
    if (!preset || !studio.layer) return;
    studio.layer.sound = structuredClone(preset.sound);
    studio.emit("sound");
    studio.did("use preset");
  }

  /** @returns {Command[]} */
  commands() {
    const group = "Sound";
    const can = () => this.studio.project !== null && !this.studio.readOnly;
    return [
      { id: "save-preset", title: "Save the sound as a preset", keys: ["Alt+K"], group, run: () => this.#savePreset(), enabled: can },
      { id: "delete-preset", title: "Delete the preset", keys: ["Alt+Shift+K"], group, run: () => this.#deletePreset(), enabled: can },
    ];
  }

  async #savePreset() {
    const { studio } = this;
    const layer = studio.layer;
    const name = layer && (await ask("Name of the preset", { field: "Name", value: this.#presets.value || "Sound" }));
    if (!layer || !name) return;
    const sound = structuredClone(layer.sound);
    studio.presets = [...studio.presets.filter((one) => one.name !== name), { name: name.slice(0, 60), sound }];
    studio.emit("presets");
    studio.did("save preset");
    this.#presets.value = name;
  }

  async #deletePreset() {
    const { studio } = this;
    const name = this.#presets.value;
    if (!name) return studio.announce("Choose a preset first");
    studio.presets = studio.presets.filter((one) => one.name !== name);
    studio.emit("presets");
    studio.did("delete preset");
  }
}

/** Yes or no. @param {string} name @param {string} key */
function flagRow(name, key) {
  const row = document.createElement("label");
  row.className = "check";
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", name });
  box.dataset.key = key;
  row.append(box, ` ${name[0].toUpperCase()}${name.slice(1)}`);
  return row;
}

/**
 * A choice among the names that an option takes; none where that is allowed.
 * @param {string} name @param {any} option as in API.md @param {string} key
 */
function choiceRow(name, option, key) {
  const row = document.createElement("div");
  row.className = "field";
  const label = document.createElement("label");
  Object.assign(label, { htmlFor: `option-${name}`, textContent: name[0].toUpperCase() + name.slice(1) });
  const select = document.createElement("select");
  Object.assign(select, { id: `option-${name}`, name });
  select.dataset.key = key;
  choices(select, [...(option.default ? [] : [["", "automatic"]]), ...option.enum.map(pair)]);
  row.append(label, select);
  return row;
}

/**
 * A slider where both limits are known, else a field for a number.
 * @param {string} name @param {any} option as in API.md @param {string} key
 */
function optionRow(name, option, key) {
  const limited = option.minimum !== undefined && option.maximum !== undefined;
  const row = document.createElement("div");
  row.className = limited ? "slider" : "field wide";
  const text = name.replaceAll("_", " ");
  const label = document.createElement("label");
  Object.assign(label, { htmlFor: `option-${name}`, textContent: text[0].toUpperCase() + text.slice(1) });
  const input = document.createElement("input");
  Object.assign(input, { id: `option-${name}`, name, type: limited ? "range" : "number" });
  input.dataset.key = key;
  input.min = option.minimum ?? "";
  input.max = option.maximum ?? "";
  input.step = option.type === "integer" ? "1" : limited ? String((option.maximum - option.minimum) / 40) : "any";
  row.append(label, input);
  if (limited) row.append(document.createElement("output"));
  return row;
}

/** @param {string} value @returns {[string, string]} */
function pair(value) {
  return [value, value.replaceAll("_", " ")];
}

/** @param {HTMLSelectElement} select @param {string[][]} options value, text */
function choices(select, options) {
  const value = select.value;
  select.replaceChildren(...options.map(([own, text]) => new Option(text, own)));
  select.value = options.some(([own]) => own === value) ? value : (options[0]?.[0] ?? "");
}
