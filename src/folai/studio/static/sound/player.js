/**
 * Plays several sources on one clock. All run at once, heard or not, and a switch is a change of
 * their gains at one moment: without a gap, and in step to the sample. So is what goes round: after its
 * last sample its first one is played.
 */

import { OutputClock } from "./output_clock.js";

import { reversed } from "./reversed.js";

/** @typedef {import("./sources.js").Source} Source */
/** @typedef {{source: Source, volume: number, out?: AudioNode}} Wanted volume 0: ready to be heard; out: where it goes, else the master */
/** @typedef {{from: number, to: number}} Round seconds that are played again and again, forwards at real time */
/** @typedef {{at: number, time: number, speed: number, round: Round | null}} Anchor time of the clip at a time of the context, times real time from there on */
/** @typedef {{n: number, turn: number}} Place a piece, and how often the round was ended before */
/** @typedef {{source: Source, gain: GainNode, next: Place, busy: boolean, playing: Set<AudioBufferSourceNode>}} Channel */

const SOON = 0.04; // seconds from the order to the sound
const RAMP = 0.008; // seconds of a change of gain
const AHEAD = 3; // seconds scheduled ahead
const PATIENCE = 1500; // ms to wait for sound before the picture starts without it
const SHORTEST = 0.02; // seconds of a round

export class Player {
  /** @type {Map<string, Channel>} */ #channels = new Map();
  /** @type {Anchor | null} */ #anchor = null;
  /** @type {Map<string, Wanted>} */ #wanted = new Map();
  #turn = 0;
  #timer = 0;

  /** @param {AudioContext} context */
  constructor(context) {
    this.context = context;
    this.clock = new OutputClock(context);
    this.out = context.createGain();
    this.out.connect(context.destination);
  }

  /** Seconds into the clip that are heard now, or null when nothing plays. */
  get position() {
    if (!this.#anchor) return null;
    const latency = this.context.outputLatency || this.context.baseLatency || 0;
    return this.timeOf(this.context.currentTime - latency);
  }

  /**
   * Seconds into the clip that are heard at a moment, or null when nothing plays: finer than `position`, whose clock goes on in steps.
   * @param {number} stamp milliseconds, as `performance.now()`
   */
  timeAt(stamp) {
    return this.timeOf(this.clock.at(stamp));
  }

  /** Seconds into the clip at a time of the context, or null when nothing plays. @param {number} at */
  timeOf(at) {
    return this.#anchor && wrapped(this.#anchor, at).time;
  }

  /** What is played again and again now. @returns {Round | null} */
  get round() {
    return this.#anchor?.round ?? null;
  }

  /** What is to be heard, if anything plays. @returns {Wanted[]} */
  get audible() {
    return [...this.#wanted.values()].filter(({ volume }) => volume > 0);
  }

  /** Says what shall be heard. While playing, the change is made once the new sound is there. @param {Map<string, Wanted>} wanted */
  async want(wanted) {
    this.#wanted = wanted;
    if (!this.#anchor) return;
    const turn = ++this.#turn;
    const audible = [...wanted.values()].filter(({ volume }) => volume > 0);
    await Promise.all(audible.map(({ source }) => source.piece(this.#placeNow(source).n).catch(() => null)));
    if (turn !== this.#turn || !this.#anchor) return;
    for (const { source, out } of wanted.values()) this.#open(source, out);
    await this.#pump();
    this.#setGains(this.context.currentTime + 0.005);
    this.#dropOthers();
  }

  /**
   * @param {number} time seconds to play from @param {number} speed times real time, as a tape would; negative: backwards
   * @param {Round | null} round what is played again and again, at speed 1
   * @returns {Promise<void>} when it is about to sound
   */
  async play(time, speed = 1, round = null) {
    this.stop();
    const turn = ++this.#turn;
    await this.context.resume();
    const loaded = this.audible.map(({ source }) => source.piece(pieceAt(source, time, speed)).catch(() => null));
    await Promise.race([Promise.all(loaded), new Promise((done) => setTimeout(done, PATIENCE))]);
    if (turn !== this.#turn) return;
    this.#anchor = { at: this.#whole(this.context.currentTime + SOON), time: this.#whole(time), speed, round: this.#rounded(round) };
    for (const { source, out } of this.#wanted.values()) this.#open(source, out);
    this.#setGains(this.context.currentTime, 0);
    this.#pump();
    this.#timer = window.setInterval(() => this.#pump(), 250);
  }

  /** While it plays: goes round there from now on, or no more. Nothing is interrupted. @param {Round | null} wanted */
  goRound(wanted) {
    const round = this.#rounded(wanted);
    const now = this.round;
    if (!this.#anchor || (round?.from === now?.from && round?.to === now?.to)) return;
    const at = this.#whole(this.context.currentTime + SOON);
    const { time } = wrapped(this.#anchor, at);
    this.#turn++;
    this.#anchor = { at, time: round && time >= round.to ? round.from : time, speed: this.#anchor.speed, round };
    for (const key of [...this.#channels.keys()]) this.#close(key, at - this.context.currentTime);
    for (const { source, out } of this.#wanted.values()) this.#open(source, out);
    this.#setGains(at, 0);
    this.#pump();
  }

  stop() {
    this.#turn++;
    this.#anchor = null;
    clearInterval(this.#timer);
    for (const key of [...this.#channels.keys()]) this.#close(key);
  }

  /**
   * Plays a piece of sound once, apart from all else. @param {AudioBuffer} buffer @param {number} from
   * @param {number} length seconds @param {number} volume @param {AudioNode} out @returns {() => void} stops it
   */
  once(buffer, from = 0, length = buffer.duration, volume = 1, out = this.out) {
    const gain = this.context.createGain();
    const node = this.context.createBufferSource();
    const now = this.context.currentTime;
    const end = now + Math.min(length, buffer.duration - from);
    gain.gain.setValueAtTime(volume, Math.max(end - 0.03, now));
    gain.gain.linearRampToValueAtTime(0, end);
    node.buffer = buffer;
    node.connect(gain).connect(out);
    node.start(0, from, length);
    return () => {
      gain.gain.cancelScheduledValues(0);
      gain.gain.setTargetAtTime(0, this.context.currentTime, 0.005);
      node.stop(this.context.currentTime + 0.05);
    };
  }

  /** What is to be played of it next. @param {Source} source @returns {Place} */
  #placeNow(source) {
    const anchor = /** @type {Anchor} */ (this.#anchor);
    const { time, turn } = wrapped(anchor, this.context.currentTime + SOON);
    return { n: pieceAt(source, time, anchor.speed), turn };
  }

  /** To a whole sample, so that pieces meet without a seam. @param {number} seconds */
  #whole(seconds) {
    return Math.ceil(seconds * this.context.sampleRate - 1e-6) / this.context.sampleRate;
  }

  /** Of whole samples; one too short to be heard as such is none. @param {Round | null} round @returns {Round | null} */
  #rounded(round) {
    const { sampleRate } = this.context;
    const near = (/** @type {number} */ seconds) => Math.round(seconds * sampleRate) / sampleRate;
    return round && round.to - round.from >= SHORTEST ? { from: near(round.from), to: near(round.to) } : null;
  }

  /** @param {Source} source @param {AudioNode} [out] */
  #open(source, out = this.out) {
    if (this.#channels.has(source.key)) return;
    const gain = this.context.createGain();
    gain.gain.value = 0;
    gain.connect(out);
    this.#channels.set(source.key, { source, gain, next: this.#placeNow(source), busy: false, playing: new Set() });
  }

  /** Schedules what begins within the next seconds. */
  async #pump() {
    await Promise.all([...this.#channels.values()].map((channel) => this.#feed(channel)));
  }

  /** @param {Channel} channel */
  async #feed(channel) {
    if (channel.busy) return;
    channel.busy = true;
    const { source } = channel;
    try {
      while (this.#anchor && this.#due(source, channel.next) < this.context.currentTime + AHEAD) {
        const { n } = channel.next;
        const isThere = n >= 0 && n * source.pieceLength < source.duration;
        if (!isThere && !(this.round && this.round.from < source.duration)) break;
        const buffer = isThere ? await source.piece(n) : null;
        if (!this.#anchor || this.#channels.get(source.key) !== channel) return;
        if (buffer) this.#schedule(channel, buffer, channel.next);
        channel.next = placeAfter(source, channel.next, this.#anchor);
      }
    } catch {
      // It stays silent here; the next round of the pump tries again.
    } finally {
      channel.busy = false;
    }
  }

  /** When a piece begins to be played: backwards, from its end. @param {Source} source @param {Place} place @returns {number} time of the context */
  #due(source, { n, turn }) {
    const anchor = /** @type {Anchor} */ (this.#anchor);
    const edge = anchor.speed > 0 ? n * source.pieceLength : Math.min((n + 1) * source.pieceLength, source.duration);
    return dueAt(anchor, edge, turn);
  }

  /** @param {Channel} channel @param {AudioBuffer} buffer @param {Place} place of it */
  #schedule(channel, buffer, { n, turn }) {
    const anchor = /** @type {Anchor} */ (this.#anchor);
    const { at, speed, round } = anchor;
    const first = n * channel.source.pieceLength;
    const start = round && turn ? Math.max(first, round.from) : first; // of what is played of it
    const end = Math.min(first + buffer.duration, round?.to ?? Infinity);
    const due = dueAt(anchor, speed > 0 ? start : end, turn);
    const skipped = Math.max(this.#whole(this.context.currentTime + 0.002) - due, at - due, 0);
    const pace = Math.abs(speed);
    if (skipped * pace >= end - start) return;
    const node = this.context.createBufferSource();
    node.buffer = speed > 0 ? buffer : reversed(buffer, this.context);
    node.playbackRate.value = pace;
    node.connect(channel.gain);
    node.start(due + skipped, start - first + skipped * pace, end - start - skipped * pace);
    channel.playing.add(node);
    node.onended = () => channel.playing.delete(node);
  }

  /** @param {number} at @param {number} [ramp] seconds */
  #setGains(at, ramp = RAMP) {
    for (const [key, { gain }] of this.#channels) {
      const volume = this.#volumeOf(key);
      gain.gain.cancelScheduledValues(at);
      if (ramp) {
        gain.gain.setValueAtTime(gain.gain.value, at);
        gain.gain.linearRampToValueAtTime(volume, at + ramp);
      } else gain.gain.setValueAtTime(volume, at);
    }
  }

  /** @param {string} key */
  #volumeOf(key) {
    for (const { source, volume } of this.#wanted.values()) if (source.key === key) return volume;
    return 0;
  }

  /** Closes what is wanted no more, once it has faded. */
  #dropOthers() {
    const kept = new Set([...this.#wanted.values()].map(({ source }) => source.key));
    for (const key of [...this.#channels.keys()]) if (!kept.has(key)) this.#close(key, 4 * RAMP);
  }

  /** @param {string} key @param {number} [after] seconds */
  #close(key, after = 0) {
    const channel = this.#channels.get(key);
    this.#channels.delete(key);
    for (const node of channel?.playing ?? []) node.stop(this.context.currentTime + after);
    setTimeout(() => channel?.gain.disconnect(), 1000 * after + 100);
  }
}

/** The piece that is played at a time: backwards, the one that ends there. @param {Source} source @param {number} time @param {number} speed */
function pieceAt(source, time, speed) {
  const last = Math.max(Math.ceil(source.duration / source.pieceLength) - 1, 0);
  const place = time / source.pieceLength;
  return speed > 0 ? Math.floor(Math.max(place, 0)) : Math.min(Math.max(Math.ceil(place) - 1, 0), last);
}

/** The time of the clip at a time of the context, and how often the round was ended before. @param {Anchor} anchor @param {number} at */
function wrapped({ at: from, time, speed, round }, at) {
  const straight = time + speed * (at - from);
  if (!round || straight < round.to) return { time: straight, turn: 0 };
  const length = round.to - round.from;
  const turn = Math.floor((straight - round.to) / length) + 1;
  return { time: straight - turn * length, turn };
}

/** When a time of the clip is played. @param {Anchor} anchor @param {number} time @param {number} turn @returns {number} time of the context */
function dueAt(anchor, time, turn) {
  const before = anchor.round ? turn * (anchor.round.to - anchor.round.from) : 0;
  return anchor.at + (time + before - anchor.time) / anchor.speed;
}

/** What is played after a piece. @param {Source} source @param {Place} place @param {Anchor} anchor @returns {Place} */
function placeAfter(source, { n, turn }, { speed, round }) {
  const next = n + Math.sign(speed);
  if (!round || next * source.pieceLength < Math.min(round.to, source.duration)) return { n: next, turn };
  return { n: Math.floor(round.from / source.pieceLength), turn: turn + 1 };
}
