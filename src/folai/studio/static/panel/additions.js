/** What a training on one's own recordings has added to the sound model: a file, opened for a layer's sound. */

import { upload } from "../net/api.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

export class Additions {
  /** @param {Studio} studio @param {import("./messages.js").Messages} messages */
  constructor(studio, messages) {
    this.studio = studio;
    this.messages = messages;
    const file = this.#file;
    file.addEventListener("change", () => {
      if (file.files?.[0]) this.add(file.files[0]);
      file.value = "";
    });
  }

  /** @returns {HTMLInputElement} */
  get #file() {
    return /** @type {HTMLInputElement} */ (document.getElementById("lora-file"));
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const enabled = () => this.studio.project !== null && !this.studio.readOnly;
    return [{ id: "choose-lora", title: "Open an addition to the model: the lora.safetensors of a training", keys: ["Alt+Shift+O"], group: "Sound", run: () => this.#file.click(), enabled }];
  }

  /** @param {File} file */
  async add(file) {
    const { studio, messages } = this;
    messages.clear("addition");
    try {
      const made = await upload(`projects/${studio.project.id}/additions?name=${encodeURIComponent(file.name)}`, file);
      if (!studio.additions.some((one) => one.id === made.id)) studio.additions.push(made);
      this.#choose(made.id);
    } catch (error) {
      messages.fail(error, "addition");
    }
  }

  /** @param {string} id */
  #choose(id) {
    const { layer } = this.studio;
    if (!layer) return;
    const engine = layer.sound.engine === "preview" ? null : layer.sound.engine;
    layer.sound = { ...layer.sound, lora: id, engine: layer.sound.sound ? "diffusion" : engine };
    this.studio.emit("sound");
    this.studio.did("choose addition");
  }
}
