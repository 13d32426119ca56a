/** Generating takes: start, progress, cancel; and the messages of other jobs. */

import { call, sendJson } from "../net/api.js";
import { toGhost } from "../commands/editing.js";
import { currentTake } from "./takes.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../commands/keys.js").Command} Command */
/** @typedef {import("../envelope/curve.js").Region} Region */

const FADE = 0.05; // seconds over which a regenerated part is cross-faded
/** @type {Record<string, string>} */
const DOING = { generate: "Generating", predict: "Predicting the envelope", adapt: "Learning", proxy: "Converting the video", export: "Exporting" };

/** @type {Record<string, string>} */
const LOST = { generate: "A take that was being made", predict: "A prediction", adapt: "What was being learned", export: "An export" };

/** What a person expects to hear, and the commands that predict again for that. */
const EXPECTED = [
  ["steps", "Predict again, as the steps of a walk", "Shift+W"],
  ["hits", "Predict again, as single hits", "Shift+H"],
  ["continuous", "Predict again, as a continuous sound", "Shift+C"],
];

export class Jobs {
  /**
   * @param {Studio} studio @param {import("../net/saving.js").Saver} saver
   * @param {import("./messages.js").Messages} messages
   */
  constructor(studio, saver, messages) {
    this.studio = studio;
    this.saver = saver;
    this.messages = messages;
    studio.on("jobs project", () => this.draw());
  }

  /** @returns {Command[]} */
  commands() {
    const group = "Sound";
    const can = () => Boolean(this.studio.curve) && !this.studio.readOnly;
    return [
      { id: "generate", title: "Generate a take", keys: ["Ctrl+Enter"], group, run: () => this.generate(false), enabled: can },
      {
        id: "regenerate",
        title: "Regenerate only the region of the current take, or the regions that were added",
        keys: ["Ctrl+Shift+Enter"],
        group,
        run: () => this.generate(true),
        enabled: () => can() && this.#parts.length > 0 && currentTake(this.studio) !== undefined,
      },
      {
        id: "learn",
        title: "Learn from the region and predict again",
        keys: ["Shift+G"],
        group: "Envelope",
        run: () => this.adapt(),
        enabled: () => can() && this.studio.region !== null && !this.#watching(),
      },
      { id: "cancel", title: "Cancel", keys: ["Ctrl+."], group, run: () => this.cancel(), enabled: () => this.#running().length > 0 },
      ...EXPECTED.map(([expect, title, key]) => ({
        id: `predict-${expect}`,
        title,
        keys: [key],
        group: "Envelope",
        run: () => this.#ask(`predict?expect=${expect}`, "job-predict"),
        enabled: () => !this.studio.readOnly && Boolean(this.studio.project) && !this.#watching(),
      })),
    ];
  }

  /** What is regenerated: the regions that were added, else the selected one. @returns {Region[]} */
  get #parts() {
    const { parts, partsError, region } = this.studio;
    if (partsError) return [];
    return parts.length || !region ? parts : [region];
  }

  /** @param {boolean} regionOnly */
  async generate(regionOnly) {
    const { studio, saver } = this;
    const layer = studio.layer;
    if (!layer) return;
    const take = currentTake(studio);
    const region = regionOnly && take ? regionOf(take.id, this.#parts) : null;
    if (layer.envelope === null && studio.project.prediction === null) studio.keepCurve(layer.id);
    await this.#ask("generate", "generate", async () => {
      await saver.flush();
      return { layer: layer.id, envelope: layer.envelope, sound: layer.sound, name: null, region };
    });
  }

  /** The mapper learns the envelope in the region, which a person has corrected. */
  async adapt() {
    const { layer, region } = this.studio;
    if (!layer || !region) return;
    await this.#ask("adapt", "job-adapt", async () => {
      await this.saver.flush();
      return { envelope: layer.envelope, ...region };
    });
  }

  async cancel() {
    for (const { id } of this.#running()) {
      try {
        this.learn(await (await call("DELETE", `jobs/${id}`)).json());
      } catch (error) {
        this.messages.fail(error, "generate");
      }
    }
  }

  /** A job has changed. @param {any} job as in API.md */
  learn(job) {
    const { studio } = this;
    if (job.project !== studio.project?.id || !studio.know(job)) return;
    studio.emit("jobs");
    this.tell(job);
  }

  /** Says what has become of a job. @param {any} job */
  tell(job) {
    const { studio, messages } = this;
    if (["predict", "adapt"].includes(job.kind)) this.#tellDoubt(job);
    if (job.state === "failed") messages.show(`job-${job.kind}`, job.message, { actions: this.#again(job) });
    if (job.state === "cancelled" && job.kind === "predict" && studio.project.prediction === null) {
      const text = "The prediction was stopped. What is there can be used; it goes on where it stopped.";
      messages.show("job-predict", text, { tone: "plain", actions: [{ label: "Go on", run: () => this.#ask("predict", "job-predict") }] });
    }
    if (job.state === "done" && job.kind !== "export") messages.clear(`job-${job.kind}`);
    if (job.state === "done" && job.kind === "adapt") {
      const text = "The mapper has learned from the region and predicted again. The new prediction is shown behind your curve until you accept it.";
      const run = () => (messages.clear("job-adapt"), toGhost(studio, null));
      messages.show("job-adapt", text, { tone: "plain", actions: [{ label: "Accept", run }] });
    }
    studio.emit("job", job);
  }

  /** The studio was started again, and knows nothing of this job. @param {any} job */
  tellLost(job) {
    const text = `${LOST[job.kind] ?? "A job"} was lost when the studio ended. What was finished before is kept.`;
    this.messages.show(`job-${job.kind}`, text, { actions: this.#again(job) });
    this.studio.emit("job", this.studio.jobs.get(job.id));
  }

  /** What a person can do about a job that has failed. @param {any} job @returns {import("./messages.js").Action[]} */
  #again(job) {
    const run = /** @type {Record<string, () => void>} */ ({
      predict: () => this.#ask("predict", "job-predict"),
      generate: () => (this.messages.clear("job-generate"), this.generate(false)),
    })[job.kind];
    return run ? [{ label: "Try again", run }] : [];
  }

  /** Where a new prediction is unsure. @param {any} job */
  #tellDoubt(job) {
    this.messages.clear("doubt");
    if (job.state === "done" && job.message) this.messages.show("doubt", job.message, { tone: "plain" });
  }

  /**
   * Asks the server for a job. @param {string} what @param {string} key of the message if it fails
   * @param {() => Promise<any>} [body]
   */
  async #ask(what, key, body = async () => ({})) {
    this.messages.clear(key);
    try {
      this.learn(await sendJson("POST", `projects/${this.studio.project.id}/${what}`, await body()));
    } catch (error) {
      this.messages.fail(error, key);
    }
  }

  /** Jobs of these kinds that are not over. @param {string[]} kinds */
  #open(...kinds) {
    const open = [...this.studio.jobs.values()].filter((job) => job.state === "running" || job.state === "queued");
    return open.filter((job) => kinds.includes(job.kind));
  }

  /** What can be cancelled, the one at work first. */
  #running() {
    return this.#open("generate", "adapt", "predict").sort((a, b) => Number(b.state === "running") - Number(a.state === "running"));
  }

  /** What is being done to the prediction. */
  #watching() {
    return this.#open("predict", "adapt")[0];
  }

  draw() {
    const running = this.#running();
    const [first] = running;
    byId("job").hidden = !first;
    if (first) {
      byId("job-share").value = first.progress;
      byId("job-text").textContent = jobText(first) + (running.length > 1 ? ` · ${running.length - 1} more waiting` : "");
    }
    const watching = this.#watching();
    const note = byId("timeline-note");
    const text = watching ? jobText(watching) : "";
    if (note.textContent !== text) note.textContent = text;
  }
}

/** As a request says it: see API.md. @param {string} take @param {Region[]} parts in order */
function regionOf(take, parts) {
  const [start, end] = [parts[0].start, parts[parts.length - 1].end];
  const spans = parts.length > 1 ? parts.map((part) => [part.start, part.end]) : null;
  return { take, start, end, fade: FADE, spans };
}

/** @param {any} job @returns {string} */
export function jobText(job) {
  if (job.state === "queued") return `${DOING[job.kind]}: waiting${job.message ? ` (${job.message})` : ""}`;
  const left = job.left === null || job.left === undefined ? "" : ` · ${Math.ceil(job.left)} s left`;
  return `${DOING[job.kind]} ${Math.round(100 * job.progress)} %${job.message ? ` · ${job.message}` : ""}${left}`;
}

/** @param {string} id @returns {any} */
function byId(id) {
  return document.getElementById(id);
}
