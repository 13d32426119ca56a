/** Export: what, with which options; a job that ends in a file to download. */

import { sendJson } from "../net/api.js";
import { jobText } from "./jobs.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Export {
  #job = "";

  /** @param {import("../state/studio.js").Studio} studio @param {import("../net/saving.js").Saver} saver */
  constructor(studio, saver) {
    this.studio = studio;
    this.saver = saver;
    const form = byId("export-form");
    form.addEventListener("change", () => this.#fit());
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#start();
    });
    form.querySelector("[data-close]").addEventListener("click", () => byId("export-dialog").close());
    studio.on("job", (job) => job.id === this.#job && this.#tell(job));
    // What was typed for one clip is wrong for the next.
    studio.on("project", () => form.reset());
  }

  show() {
    if (!this.studio.project) return;
    this.#say("");
    byId("export-link").hidden = true;
    this.#fit();
    byId("export-dialog").showModal();
  }

  get #kind() {
    return new FormData(byId("export-form")).get("kind");
  }

  /** Only what belongs to the kind is shown. */
  #fit() {
    const none = { session: "01:00:00:00", video: "none" }[String(this.#kind)] ?? "00:00:00:00";
    byId("timecode").placeholder = this.studio.timecode ?? this.studio.project?.clip.timecode ?? none;
    for (const field of byId("export-form").querySelectorAll("[data-for]")) {
      field.hidden = !field.dataset.for.split(" ").includes(this.#kind);
    }
  }

  async #start() {
    const { studio, saver } = this;
    byId("export-link").hidden = true;
    this.#say("Saving first…");
    try {
      await saver.flush();
      const job = await sendJson("POST", `projects/${studio.project.id}/exports`, this.#asked());
      this.#job = job.id;
      this.#tell(studio.jobs.get(job.id) ?? job); // the news of it may be here before the reply
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error), true);
    }
  }

  /** The request as in API.md. */
  #asked() {
    const kind = this.#kind;
    const value = (/** @type {string} */ id) => byId(id).value.trim() || null;
    const sound = { timecode: value("timecode"), sample_rate: Number(byId("sample_rate").value) };
    if (kind === "video") {
      const mix = value("mix_db");
      return { kind, container: value("container"), timecode: sound.timecode, mix_db: mix === null ? null : Number(mix) };
    }
    if (kind === "session") return { kind, ...sound, ...this.#session(value) };
    return ["json", "csv", "midi"].includes(String(kind)) ? { kind, layer: this.studio.activeId } : { kind, ...sound };
  }

  /** @param {(id: string) => string | null} value */
  #session(value) {
    const channels = value("channels");
    const formats = channels === "mono" ? ["aaf", "edl", "otio", "rpp"] : ["edl", "otio", "rpp"];
    const names = { scene: value("scene"), creator: value("creator"), source: value("source") };
    return { channels, formats, handles: Number(value("handles") ?? 0), two_pop: byId("two_pop").checked, ...names };
  }

  /** @param {any} job */
  #tell(job) {
    if (job.state === "failed") return this.#say(job.message, true);
    if (job.state !== "done") return this.#say(jobText(job));
    this.#say([`${job.file} is ready.`, job.message].join(" ").trim());
    const link = byId("export-link");
    link.href = `/api/projects/${job.project}/exports/${encodeURIComponent(job.file)}`;
    link.download = job.file;
    link.hidden = false;
    link.focus();
  }

  /** @param {string} text @param {boolean} [bad] */
  #say(text, bad = false) {
    const state = byId("export-state");
    state.textContent = text;
    state.hidden = !text;
    state.dataset.tone = bad ? "bad" : "";
  }
}
