/** One tab edits a project at a time: asks for the right to, keeps it, and gives it back. */

import { sendJson } from "./api.js";

const EVERY = 10_000; // ms
const REST = 700; // ms that a page which was reloaded may take to give its right back

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
    if (!(await this.#ask(take))) {
      await new Promise((done) => setTimeout(done, REST));
      this.told(await this.#ask(take));
    } else this.told(true);
    this.#timer = window.setInterval(() => this.ask(), EVERY);
  }

  /** Asks again, as it does by itself now and then. */
  ask() {
    return this.#ask(false).then(this.told, () => {});
  }

  /** @param {boolean} take @returns {Promise<boolean>} whether this tab may edit */
  async #ask(take) {
    return (await sendJson("POST", `projects/${this.#project}/lease`, { tab: this.tab, take })).editor;
  }

  release() {
    clearInterval(this.#timer);
    if (this.#project) navigator.sendBeacon(`/api/projects/${this.#project}/lease?release=${this.tab}`);
    this.#project = "";
  }
}
