/**
 * Performing while the picture runs: taps of a key or of MIDI pads become hits, a voice becomes the
 * curve. What was performed is one step of undo; the device's latency is taken out of it.
 */

import { hitLevel } from "../envelope/curve.js";
import { getJson, upload } from "../net/api.js";
import { curveOf } from "../net/binary.js";
import { MidiInputs } from "./devices.js";
import { isKnown, keepLatency, latency, playClicks } from "./latency.js";
import { answersIn, FEWEST, latencyOf, layTaps, layVoice } from "./taps.js";
import { between, Voice, wavOf } from "./voice.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../envelope/curve.js").Region} Region */
/** @typedef {"keys" | "microphone"} Kind */

const LEAD = 1; // seconds played before the region
const AFTER = 0.4; // seconds played after it
const LEVEL = 0.4; // RMS of a tap, and of a voice's peak, where nothing says another
const SHORTEST = 0.1; // seconds of a performance
const REFUSED = "The microphone is not available. Allow it for this page in the browser, or tap the hits with the key Q.";
const SILENT = "The microphone gave no sound, so nothing was changed. See that it is not muted, and that the browser uses the right one.";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Performance {
  /** @type {{kind: Kind, layer: string, region: Region, fixed: boolean, taps: import("./taps.js").Tap[], offset: number | null} | null} */ #now = null;
  /** @type {{kind: Kind, taps: number[], stop: () => void} | null} a measurement of latency */ #measuring = null;
  #watching = 0;
  /** The device that tapped last. */
  #device = "keys";

  /**
   * @param {Studio} studio @param {import("../sound/player.js").Player} player
   * @param {import("../picture/transport.js").Transport} transport @param {import("../panel/messages.js").Messages} messages
   */
  constructor(studio, player, transport, messages) {
    this.studio = studio;
    this.player = player;
    this.transport = transport;
    this.messages = messages;
    this.voice = new Voice(player.context);
    this.midi = new MidiInputs((stamp, velocity, device) => this.tap(stamp, velocity, device), (text) => messages.show("midi", text));
    studio.on("mode", () => !transport.playing && this.#end());
    studio.on("leaving", () => this.#drop());
    for (const [field, device] of /** @type {[string, () => string][]} */ ([["latency-keys", () => this.#device], ["latency-microphone", () => "microphone"]])) {
      byId(field).addEventListener("change", () => (keepLatency(device(), Number(byId(field).value)), this.#show()));
    }
    this.#show();
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const group = "Perform";
    const can = () => Boolean(this.studio.curve) && !this.studio.readOnly;
    const at = (/** @type {Kind} */ kind) => this.#now?.kind === kind;
    return [
      { id: "tap", title: "Tap a hit while performing", keys: ["Q"], group, run: (event) => this.tap(event?.timeStamp ?? performance.now(), null, "keys"), enabled: () => this.#now?.kind === "keys" || this.#measuring !== null },
      { id: "perform-taps", title: "Perform hits with Q or MIDI pads; press again to end", keys: ["U"], group, run: () => this.begin("keys"), enabled: can, pressed: () => at("keys") },
      { id: "perform-voice", title: "Perform the curve with the voice; press again to end", keys: ["C"], group, run: () => this.begin("microphone"), enabled: can, pressed: () => at("microphone") },
      { id: "measure-keys", title: "Measure the latency of keys or MIDI: tap Q along to nine clicks", keys: ["Alt+Shift+U"], group, run: () => this.measure("keys"), pressed: () => this.#measuring?.kind === "keys" },
      { id: "measure-microphone", title: "Measure the latency of the microphone: answer nine clicks with the voice", keys: ["Alt+Shift+C"], group, run: () => this.measure("microphone"), pressed: () => this.#measuring?.kind === "microphone" },
    ];
  }

  /** @param {number} stamp ms as `performance.now()` @param {number | null} velocity 0 to 1 @param {string} device */
  tap(stamp, velocity, device) {
    if (this.#device !== device) {
      this.#device = device;
      this.#show();
    }
    if (this.#measuring) return void this.#measuring.taps.push(this.player.clock.at(stamp));
    const now = this.#now;
    const heard = now && this.player.timeAt(stamp);
    if (!now || now.kind !== "keys" || typeof heard !== "number") return;
    const time = heard - latency(device) / 1000;
    now.taps.push({ time, level: velocity === null ? this.#usualLevel() : Math.max(velocity, 0.02) * 2 * LEVEL });
    this.#say(`${now.taps.length} ${now.taps.length === 1 ? "tap" : "taps"}`);
  }

  /** Starts, or ends what was started. @param {Kind} kind */
  async begin(kind) {
    if (this.#now) return this.transport.pause();
    if (this.#measuring) return;
    const { studio, transport, player, messages } = this;
    transport.pause();
    messages.clear("perform");
    const fixed = studio.region !== null;
    const region = studio.region ?? { start: studio.playhead, end: studio.duration };
    const now = (this.#now = { kind, layer: studio.activeId, region: { ...region }, fixed, taps: [], offset: null });
    if (kind === "keys") this.midi.open();
    else if (!(await this.#listen())) return this.#drop();
    if (this.#now !== now) return;
    if (!isKnown(kind === "keys" ? this.#device : kind)) this.#advise();
    transport.seek(fixed ? region.start - LEAD : region.start);
    this.#say("Performing");
    await transport.play({ once: true });
    player.clock.begin();
    this.#watching = window.setInterval(() => this.#watch(), 50);
    if (this.#now === now) now.offset = player.timeOf(0);
    if (this.#now === now && !transport.playing) this.#end();
    studio.emit("mode");
  }

  async #listen() {
    try {
      await this.voice.begin();
      return true;
    } catch {
      this.messages.show("perform", REFUSED);
      return false;
    }
  }

  #advise() {
    this.messages.show("latency", "The latency of this device was not measured yet: under Perform, Measure takes six seconds.", { tone: "plain" });
  }

  /** Ends behind the region, so that what is late is heard too. */
  #watch() {
    const now = this.#now;
    if (now?.fixed && (this.player.position ?? 0) > now.region.end + AFTER) this.transport.pause();
  }

  #drop() {
    this.#now = null;
    clearInterval(this.#watching);
    this.#measuring?.stop();
    this.voice.end();
    this.#say("");
    this.studio.emit("mode");
  }

  /** The picture has stopped: what was performed goes into the curve. */
  async #end() {
    const now = this.#now;
    if (!now || now.offset === null) return; // not begun yet
    this.#now = null;
    this.player.clock.end();
    clearInterval(this.#watching);
    const { studio } = this;
    const end = now.fixed ? now.region.end : Math.min(Math.max(studio.playhead, now.region.start + SHORTEST), studio.duration);
    const region = { start: now.region.start, end };
    if (studio.activeId !== now.layer) studio.activate(now.layer);
    if (now.kind === "keys") this.#layTaps(now, region);
    else await this.#layVoice(now, region);
    studio.emit("mode");
  }

  /** @param {{fixed: boolean, taps: import("./taps.js").Tap[]}} now @param {Region} region */
  #layTaps({ fixed, taps }, region) {
    const { studio } = this;
    const inside = taps.filter(({ time }) => time >= region.start - (fixed ? 0 : 0.1) && time <= (fixed ? region.end : studio.duration) && time >= 0);
    this.#say(`${inside.length} ${inside.length === 1 ? "hit" : "hits"} performed`);
    if (inside.length) studio.edit((curve) => layTaps(curve, inside, fixed ? region : null), "performance");
    else this.messages.show("perform", "No tap came while the picture ran, so nothing was changed: press Q to each hit.", { tone: "plain" });
  }

  /** @param {{offset: number | null}} now @param {Region} region */
  async #layVoice({ offset }, region) {
    const { studio, messages } = this;
    const late = this.#micLatency() / 1000 - (offset ?? 0); // from time of the clip to time of the context
    await new Promise((done) => setTimeout(done, this.#micLatency() + 100)); // the last of it is on its way
    const gone = this.voice.gone;
    const heard = this.voice.end();
    this.#say("");
    if (gone) messages.show("perform", "The microphone has gone. What it gave before is kept; Undo takes it back.");
    else if (!heard) messages.show("perform", SILENT);
    if (!heard) return;
    const samples = between(heard, region.start + late, region.end + late);
    const { project, activeId } = studio;
    try {
      const { envelope } = await upload(`projects/${project.id}/envelopes/import?name=voice.wav`, wavOf(samples, heard.rate));
      const measured = curveOf(await getJson(`projects/${project.id}/envelopes/${envelope}`));
      if (studio.project !== project || studio.activeId !== activeId) return;
      const count = Math.ceil((region.end - region.start) * measured.rate) + 1;
      const curve = { ...measured, values: measured.values.slice(0, count) };
      studio.edit((own) => layVoice(own, curve, region.start, region, this.#levelIn(region)), "performance");
      studio.announce("The voice is the curve now");
    } catch (error) {
      messages.fail(error, "perform");
    }
  }

  /** RMS: the peak of what is in the region, or LEVEL where it is silent. @param {Region} region */
  #levelIn({ start, end }) {
    const { values, rate } = /** @type {import("../envelope/curve.js").Curve} */ (this.studio.curve);
    const peak = values.subarray(Math.round(start * rate), Math.round(end * rate)).reduce((most, value) => Math.max(most, value), 0);
    return peak > 0.01 ? peak : LEVEL;
  }

  /** RMS of a tap that says nothing of its own: the median of the layer's hits. */
  #usualLevel() {
    const { curve } = this.studio;
    const levels = curve ? Array.from(curve.onsets, (onset) => hitLevel(curve, onset)).sort((a, b) => a - b) : [];
    return Math.max(levels[levels.length >> 1] ?? LEVEL, 0.02);
  }

  /** Clicks are played; the answers' median is the latency. @param {Kind} kind */
  async measure(kind) {
    if (this.#measuring) return this.#measuring.stop();
    if (this.#now) return;
    this.transport.pause();
    this.messages.clear("latency");
    await this.player.context.resume();
    if (kind === "keys") await this.midi.open();
    else if (!(await this.#listen())) return;
    this.player.clock.begin();
    const clicks = playClicks(this.player);
    const own = (this.#measuring = { kind, taps: /** @type {number[]} */ ([]), stop: clicks.stop });
    this.#say(kind === "keys" ? "Tap Q, or a pad, to each click" : "Answer each click with a short t");
    this.studio.emit("mode");
    await clicks.end;
    this.player.clock.end();
    this.#measuring = null;
    const heard = kind === "keys" ? null : this.voice.end();
    const answers = heard ? answersIn(heard, clicks.times) : own.taps;
    const seconds = latencyOf(clicks.times, answers);
    if (seconds === null) this.messages.show("latency", kind === "microphone" && !heard ? SILENT : `Fewer than ${FEWEST} answers came, so the latency stays as it was. Try it again.`);
    else keepLatency(kind === "keys" ? this.#device : kind, 1000 * seconds);
    this.#show();
    this.#say(seconds === null ? "" : `Latency ${(1000 * seconds).toFixed(0)} ms`);
    this.studio.emit("mode");
  }

  /** ms: as measured, or what the browser says of its output, and 20 for the input. */
  #micLatency() {
    return isKnown("microphone") ? latency("microphone") : 20 + 1000 * (this.player.context.outputLatency || 0);
  }

  #show() {
    byId("latency-keys").value = String(latency(this.#device));
    byId("latency-device").textContent = this.#device === "keys" ? "Keys" : this.#device;
    byId("latency-microphone").value = String(Math.round(10 * this.#micLatency()) / 10);
  }

  /** @param {string} text */
  #say(text) {
    byId("perform-state").textContent = text;
    byId("perform-state").hidden = !text;
  }
}
