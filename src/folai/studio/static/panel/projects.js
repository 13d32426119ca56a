/** Clips: the list of them, opening one, and bringing a new one in. */

import { getJson, upload } from "../net/api.js";
import { clockText } from "../timeline/ruler.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Projects {
  #busy = false;

  /** @param {import("./messages.js").Messages} messages @param {(id: string) => Promise<void>} open */
  constructor(messages, open) {
    this.messages = messages;
    this.open = open;
    const file = byId("video-file");
    file.addEventListener("change", () => {
      if (file.files[0]) this.bring(file.files[0]);
      file.value = "";
    });
  }

  /** Shows the list. */
  async show() {
    if (!byId("projects-dialog").open) byId("projects-dialog").showModal();
    try {
      const { projects } = await getJson("projects");
      byId("projects").replaceChildren(...projects.map((/** @type {any} */ one) => this.#row(one)));
    } catch (error) {
      this.messages.fail(error);
    }
  }

  /** @param {any} project */
  #row(project) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const picture = document.createElement("img");
    picture.alt = "";
    picture.loading = "lazy";
    if (!project.error) picture.src = `/api/projects/${project.id}/frame?time=0&height=96`;
    const name = document.createElement("span");
    name.textContent = project.name;
    const facts = document.createElement("span");
    facts.className = "dim";
    facts.textContent = project.error ?? `${clockText(project.duration, 1)} · ${new Date(project.modified).toLocaleDateString()}`;
    button.append(picture, name, facts);
    button.disabled = Boolean(project.error);
    button.addEventListener("click", async () => {
      byId("projects-dialog").close();
      await this.open(project.id).catch((error) => this.messages.fail(error));
    });
    row.append(button);
    return row;
  }

  /** Sends a video and opens it. @param {File} file */
  async bring(file) {
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
        byId("upload-text").textContent = share < 1 ? `${file.name}: ${Math.round(share * 100)} %` : `${file.name}: reading`;
      });
      await this.open(project.id);
    } catch (error) {
      this.messages.fail(error, "upload");
    } finally {
      this.#busy = false;
      byId("upload").hidden = true;
      byId("projects-dialog").close();
    }
  }
}
