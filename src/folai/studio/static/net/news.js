/** What the server tells, taken over into the page: jobs, takes, predictions, and its own coming and going. */

import { hear } from "../panel/takes.js";
import { listen } from "./events.js";
import { refresh } from "./opening.js";
import { catchUpPieces, layPiece } from "./pieces.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

export class News {
  /** @type {Promise<void>} one after the other: a reply that is older never takes the place of a newer one */ #fetching = Promise.resolve();

  /**
   * @param {Studio} studio @param {import("./session.js").Session} session @param {import("../panel/jobs.js").Jobs} jobs
   * @param {import("../panel/messages.js").Messages} messages @param {string} tab id of this page
   */
  constructor(studio, session, jobs, messages, tab) {
    this.studio = studio;
    this.session = session;
    this.jobs = jobs;
    this.messages = messages;
    this.tab = tab;
  }

  /** Begins to listen. */
  begin() {
    const { studio, session, messages } = this;
    listen(
      {
        status: ({ engine, engine_message }) => (engine === "failed" ? messages.show("engine", engine_message) : messages.clear("engine")),
        job: (job) => session.holdsBack(job.project) || this.jobs.learn(job),
        project: (event) => this.#changed(event),
        piece: (piece) => session.holdsBack(piece.project) || (piece.project === studio.project?.id && layPiece(studio, piece)),
        lease: (event) => event.project === studio.project?.id && session.setReadOnly(event.tab !== this.tab),
      },
      (connected) => this.#connected(connected),
    );
  }

  /** @param {boolean} connected */
  #connected(connected) {
    const { studio, messages, session } = this;
    if (!connected) {
      const text = "The studio does not answer. Start it again with “folai studio”: this page reconnects by itself and saves what is not saved.";
      return messages.show("connection", text, { stays: true });
    }
    messages.clear("connection");
    if (!studio.project) return;
    session.lease.ask();
    this.catchUp();
    if (session.saver.state === "failed") session.saver.flush().catch(() => {});
  }

  /** @param {{project: string, tab: string | null, what: string}} event */
  async #changed({ project, tab, what }) {
    if (this.session.holdsBack(project) || project !== this.studio.project?.id || tab === this.tab) return;
    await this.catchUp(what);
  }

  /** Fetches what has changed on the server. @param {string} [what] as in API.md */
  catchUp(what = "") {
    this.#fetching = this.#fetching.then(() => this.#fetch(what));
    return this.#fetching;
  }

  /** @param {string} what */
  async #fetch(what) {
    const { studio, jobs, messages } = this;
    const before = studio.project;
    try {
      const news = await refresh(studio, studio.readOnly && what === "edit");
      if (!news) return;
      for (const take of news.made) this.#arrived(take);
      for (const job of news.told) jobs.tell(job);
      for (const job of news.lost) jobs.tellLost(job);
      for (const name of ["takes", "references", "jobs"]) studio.emit(name);
      if (studio.readOnly) studio.emit("layers");
      if (news.videoChanged) studio.emit("video", studio.project.video.url !== before.video.url);
      studio.emit("fetched");
      if (studio.project.prediction === null) await catchUpPieces(studio);
    } catch (error) {
      messages.fail(error);
    }
  }

  /** A new take is played, as B beside the one before it. @param {any} take */
  #arrived(take) {
    const { studio } = this;
    const layer = studio.layers.find((one) => one.id === take.layer);
    if (!layer || studio.readOnly) return;
    const active = layer.id === studio.activeId;
    const before = active ? studio.takesOf(layer.id).filter((one) => one.id !== take.id).at(-1) : null;
    if (active) studio.slots = { a: before?.id ?? null, b: take.id };
    hear(studio, take, false);
  }
}
