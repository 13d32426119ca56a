/** One tab edits a project at a time: asks for the right to, keeps it, and gives it back. */

import { sendJson } from "./api.js";

const EVERY = 10_000; // ms

export class Lease {
  #timer = 0;
  #project = "";

  /** @param {string} tab id of this page @param {(editor: boolean) => void} told */
  constructor(tab, told) {
    this.tab = tab;
    this.told = told;
    addEventListener("pagehide", () => this.release());
  }

  /** @param {string} project @param {boolean} [take] from the other tab */
  async open(project, take = false) {
    if (project !== this.#project) this.release();
    this.#project = project;
    clearInterval(this.#timer);
    await this.#ask(take);
    this.#timer = window.setInterval(() => this.#ask(false).catch(() => {}), EVERY);
  }

  /** @param {boolean} take */
  async #ask(take) {
    const { editor } = await sendJson("POST", `projects/${this.#project}/lease`, { tab: this.tab, take });
    this.told(editor);
  }

  release() {
    clearInterval(this.#timer);
    if (this.#project) navigator.sendBeacon(`/api/projects/${this.#project}/lease?release=${this.tab}`);
    this.#project = "";
  }
}
