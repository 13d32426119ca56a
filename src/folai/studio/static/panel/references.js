/** The reference: a sound dropped, chosen as a file, or recorded from the microphone. */

import { call, getBytes, upload } from "../net/api.js";
import { ask } from "./ask.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */

const LONGEST = 60; // seconds of a recording

export class References {
  /** @type {MediaRecorder | null} */ #recorder = null;
  /** @type {(() => void) | null} */ #stop = null;

  /** @param {Studio} studio @param {import("../sound/player.js").Player} player @param {import("./messages.js").Messages} messages */
  constructor(studio, player, messages) {
    this.studio = studio;
    this.player = player;
    this.messages = messages;
    const file = this.#file;
    file.addEventListener("change", () => {
      if (file.files?.[0]) this.add(file.files[0], file.files[0].name);
      file.value = "";
    });
  }

  /** @returns {HTMLInputElement} */
  get #file() {
    return /** @type {HTMLInputElement} */ (document.getElementById("reference-file"));
  }

  get recording() {
    return this.#recorder !== null;
  }

  /** @returns {Command[]} */
  commands() {
    const group = "Sound";
    const can = () => this.studio.project !== null && !this.studio.readOnly;
    const has = () => Boolean(this.studio.layer?.sound.reference);
    return [
      { id: "choose-reference", title: "Open a file as the reference", keys: ["Alt+O"], group, run: () => this.#file.click(), enabled: can },
      { id: "record", title: "Record the reference from the microphone; press again to stop", keys: ["Alt+M"], group, run: () => this.#record(), enabled: can, pressed: () => this.recording },
      { id: "play-reference", title: "Play the reference", keys: ["Alt+H"], group, run: () => this.#play(), enabled: has },
      { id: "remove-reference", title: "Remove the reference from the project", keys: ["Alt+X"], group, run: () => this.#remove(), enabled: () => can() && has() },
    ];
  }

  /** @param {Blob} file @param {string} name */
  async add(file, name) {
    const { studio, messages } = this;
    messages.clear("reference");
    try {
      const made = await upload(`projects/${studio.project.id}/references?name=${encodeURIComponent(name)}`, file);
      this.take(made);
    } catch (error) {
      messages.fail(error, "reference");
    }
  }

  /** One after the other; the last is used. @param {File[]} files */
  async addAll(files) {
    for (const file of files) await this.add(file, file.name);
  }

  /** Uses a reference that was made for the active layer. @param {any} made as in API.md */
  take(made) {
    const { studio, messages } = this;
    if (!studio.references.some((one) => one.id === made.id)) studio.references.push(made);
    if (made.message) messages.show("reference", `${made.name}: ${made.message}`, { tone: "plain" });
    this.#choose(made.id);
  }

  /** @param {string | null} id */
  #choose(id) {
    const layer = this.studio.layer;
    if (!layer) return;
    layer.sound = { ...layer.sound, reference: id, ...(id ? { sound: null } : {}) };
    this.studio.emit("references");
    this.studio.emit("heard");
    this.studio.did("choose reference");
  }

  async #record() {
    if (this.#recorder) return this.#recorder.stop();
    this.messages.clear("reference");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
      const recorder = new MediaRecorder(stream);
      /** @type {Blob[]} */
      const pieces = [];
      const limit = setTimeout(() => recorder.state === "recording" && recorder.stop(), LONGEST * 1000);
      recorder.ondataavailable = ({ data }) => pieces.push(data);
      recorder.onstop = () => {
        clearTimeout(limit);
        for (const track of stream.getTracks()) track.stop();
        this.#recorder = null;
        this.studio.emit("mode");
        const stamp = new Date().toTimeString().slice(0, 8).replaceAll(":", ".");
        this.add(new Blob(pieces, { type: recorder.mimeType }), `Recording ${stamp}.webm`);
      };
      recorder.start();
      this.#recorder = recorder;
      this.studio.announce("Recording");
    } catch {
      this.messages.show("reference", "The microphone is not available. Allow it for this page in the browser, or drop a sound file instead.");
    }
    this.studio.emit("mode");
  }

  async #play() {
    if (this.#stop) {
      this.#stop();
      this.#stop = null;
      return;
    }
    const { studio, player, messages } = this;
    const id = studio.layer?.sound.reference;
    try {
      const bytes = await getBytes(`projects/${studio.project.id}/references/${id}/audio`);
      const buffer = await player.context.decodeAudioData(bytes);
      await player.context.resume();
      this.#stop = player.once(buffer);
      setTimeout(() => (this.#stop = null), buffer.duration * 1000);
    } catch (error) {
      messages.fail(error, "reference");
    }
  }

  async #remove() {
    const { studio, messages } = this;
    const id = studio.layer?.sound.reference;
    const name = studio.references.find((one) => one.id === id)?.name;
    if (!(await ask(`Remove ${name} from the project, with its file? This cannot be undone.`, { yes: "Remove" }))) return;
    try {
      await call("DELETE", `projects/${studio.project.id}/references/${id}`);
      studio.references = studio.references.filter((one) => one.id !== id);
      for (const layer of studio.layers) if (layer.sound.reference === id) layer.sound = { ...layer.sound, reference: null };
      this.#choose(null);
    } catch (error) {
      messages.fail(error, "reference");
    }
  }
}
