/** The project that is open, and the right to edit it: opening, taking over, loading again. */

import { Lease } from "./lease.js";
import { openProject } from "./opening.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

/** What listens when a project has come, so that all of it is drawn. */
const ALL = ["layers", "takes", "sound", "presets", "markers", "clock", "selection", "history", "heard", "mode", "tool"];

export class Session {
  /** What is being opened, and whether it has changed meanwhile. */
  #opening = { id: "", missed: false };

  /**
   * @param {Studio} studio @param {import("./saving.js").Saver} saver @param {import("../panel/messages.js").Messages} messages
   * @param {string} tab id of this page
   */
  constructor(studio, saver, messages, tab) {
    this.studio = studio;
    this.saver = saver;
    this.messages = messages;
    this.lease = new Lease(tab, (editor) => this.setReadOnly(!editor));
    studio.on("refused", () => studio.readOnly && this.#tellReader());
    studio.on("failed", (error) => messages.fail(error));
    studio.on("save-failed", (error) => this.#tellConflict(error));
    studio.on("saved", () => saver.state === "saved" && messages.clear("save"));
  }

  /**
   * Opens a project in place of the one before; where that fails, the one before stays open.
   * @param {string} id @returns {Promise<boolean>} whether it has changed while it was opened
   */
  async open(id) {
    const before = this.studio.project?.id;
    if (before) {
      this.studio.emit("leaving");
      await this.saver.flush().catch(() => {});
    }
    const news = (this.#opening = { id, missed: false });
    try {
      await Promise.all([this.lease.open(id), openProject(this.studio, id)]);
    } catch (error) {
      if (before && this.#opening === news) await this.lease.open(before).catch(() => {});
      throw error;
    } finally {
      if (this.#opening === news) this.#opening = { id: "", missed: false };
    }
    this.studio.playhead = 0;
    location.hash = id;
    this.saver.open();
    this.studio.emit("project");
    for (const name of ALL) this.studio.emit(name);
    return news.missed;
  }

  /** Whether news of a project waits until it has been opened. @param {string} project */
  holdsBack(project) {
    if (project !== this.#opening.id) return false;
    this.#opening.missed = true;
    return true;
  }

  /** @param {boolean} readOnly */
  setReadOnly(readOnly) {
    if (readOnly === this.studio.readOnly) return;
    this.studio.readOnly = readOnly;
    this.messages.clear("lease");
    if (readOnly) this.#tellReader();
    if (this.studio.project) this.saver.open();
    this.studio.emit("mode");
  }

  #tellReader() {
    this.messages.show("lease", "Another tab edits this clip. This tab can only show and play it; nothing is overwritten.", {
      tone: "plain",
      stays: true,
      actions: [{ label: "Edit here instead", run: () => this.#takeOver() }],
    });
  }

  async #takeOver() {
    try {
      await this.lease.open(this.studio.project.id, true);
      await this.reload();
    } catch (error) {
      this.messages.fail(error);
    }
  }

  /** Shows the saved state in place of what is here. */
  async reload() {
    this.messages.clear("save");
    await openProject(this.studio, this.studio.project.id).catch((error) => this.messages.fail(error));
    this.saver.open();
    this.studio.emit("project");
    for (const name of ALL) this.studio.emit(name);
  }

  /** Saving has failed. That the studio does not answer is said elsewhere, once. @param {any} error */
  #tellConflict(error) {
    if (error?.status === 0) return;
    const conflict = error?.body?.reason;
    const actions = conflict
      ? [{ label: "Load the saved state", run: () => this.reload() }]
      : [{ label: "Save again", run: () => this.saver.flush().catch(() => {}) }];
    this.messages.show("save", error.message, { actions });
    if (conflict === "other_tab") this.setReadOnly(true);
  }
}
