/** Clips: the first screen, the list of them with their states, opening one, and bringing new ones in. */

import { getJson, sendJson, upload } from "../net/api.js";
import { clockText } from "../picture/timecode.js";
import { jobText } from "./jobs.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
const LOOK = 1500; // ms between two looks at the states while the list is shown

export class Projects {
  #busy = false;
  /** @type {any[]} */ #listed = [];

  /** @param {import("./messages.js").Messages} messages @param {(id: string) => Promise<void>} open @param {() => void} play */
  constructor(messages, open, play) {
    this.messages = messages;
    this.open = open;
    const file = byId("video-file");
    file.addEventListener("change", () => {
      this.bringAll([...file.files]);
      file.value = "";
    });
    byId("try-example").addEventListener("click", () => this.#tryExample(play));
    byId("generate-all").addEventListener("click", () => this.#generateAll());
  }

  /** Shows the list, and keeps it up to date. */
  async show() {
    if (!byId("projects-dialog").open) byId("projects-dialog").showModal();
    try {
      for (let before = ""; byId("projects-dialog").open; ) {
        this.#listed = (await getJson("spots")).projects;
        const now = JSON.stringify(this.#listed);
        if (now !== before) this.#draw();
        before = now;
        await new Promise((done) => setTimeout(done, LOOK));
      }
    } catch (error) {
      this.messages.fail(error);
    }
  }

  #draw() {
    const usable = this.#listed.filter(({ error }) => !error);
    byId("spot-bar").hidden = usable.length < 2;
    const focused = document.activeElement?.id;
    byId("projects").replaceChildren(...this.#listed.map((one) => this.#row(one)));
    if (focused?.startsWith("spot-")) byId(focused)?.focus();
  }

  /** @param {any} project */
  #row(project) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    Object.assign(button, { type: "button", id: `spot-${project.id}`, disabled: Boolean(project.error) });
    const picture = document.createElement("img");
    picture.alt = "";
    picture.loading = "lazy";
    if (!project.error) picture.src = `/api/projects/${project.id}/frame?time=0&height=96`;
    const name = document.createElement("span");
    name.textContent = project.name;
    const facts = document.createElement("span");
    facts.className = "dim";
    facts.textContent = project.error ?? factsOf(project);
    button.append(picture, name, facts);
    button.addEventListener("click", async () => {
      byId("projects-dialog").close();
      await this.open(project.id).catch((error) => this.messages.fail(error));
    });
    row.append(button);
    const waiting = (project.jobs ?? []).filter((/** @type {any} */ job) => job.state === "queued");
    if (waiting.length) row.append(this.#firstButton(project, waiting));
    return row;
  }

  /** What waits of a clip goes before the others. @param {any} project @param {any[]} jobs */
  #firstButton(project, jobs) {
    const first = document.createElement("button");
    Object.assign(first, { type: "button", className: "first", id: `spot-first-${project.id}`, textContent: "First" });
    first.title = `Do ${project.name} before the others`;
    first.addEventListener("click", () => {
      for (const job of [...jobs].reverse()) sendJson("POST", `jobs/${job.id}/first`).catch((error) => this.messages.fail(error));
    });
    return first;
  }

  /** @param {() => void} play */
  async #tryExample(play) {
    try {
      const { id } = await sendJson("POST", "example");
      byId("projects-dialog").close();
      await this.open(id);
      play();
    } catch (error) {
      this.messages.fail(error);
    }
  }

  async #generateAll() {
    const ids = this.#listed.filter(({ error }) => !error).map(({ id }) => id);
    try {
      const { jobs } = await sendJson("POST", "generate-all", { projects: ids });
      if (!jobs.length) this.messages.show("all", "Nothing can be generated yet: the predictions are not there.", { tone: "plain" });
    } catch (error) {
      this.messages.fail(error, "all");
    }
  }

  /** Sends videos, one after the other, and opens the only one, or else shows the list. @param {File[]} files */
  async bringAll(files) {
    for (const [n, file] of files.entries()) {
      await this.bring(file, files.length === 1, n + 1 < files.length ? ` (${n + 1} of ${files.length})` : "");
    }
    if (files.length > 1) this.show();
  }

  /** Sends a video. @param {File} file @param {boolean} [opened] whether it is opened then @param {string} [place] among others */
  async bring(file, opened = true, place = "") {
    if (this.#busy) return;
    this.messages.clear("upload");
    if (file.size === 0) {
      this.messages.show("upload", `${file.name} is empty (0 bytes). Export or copy it again, then open it.`);
      return;
    }
    this.#busy = true;
    byId("upload").hidden = false;
    byId("upload-text").textContent = file.name;
    if (!byId("projects-dialog").open) byId("projects-dialog").showModal();
    try {
      const project = await upload(`projects?name=${encodeURIComponent(file.name)}`, file, (share) => {
        byId("upload-share").value = share;
        byId("upload-text").textContent = `${file.name}${place}: ${share < 1 ? `${Math.round(share * 100)} %` : "reading"}`;
      });
      if (opened) await this.open(project.id);
    } catch (error) {
      this.messages.fail(error, "upload");
    } finally {
      this.#busy = false;
      byId("upload").hidden = true;
      if (opened) byId("projects-dialog").close();
    }
  }
}

/** How long, how far, and when it was worked on. @param {any} project */
function factsOf({ duration, modified, predicted, takes, jobs }) {
  const [job] = jobs ?? [];
  const state = job ? jobText(job) : takes ? `${takes} ${takes === 1 ? "take" : "takes"}` : predicted ? "predicted" : "not predicted";
  return `${clockText(duration, 1)} · ${state} · ${new Date(modified).toLocaleDateString()}`;
}
