/**
 * Playing: sound leads, at any speed and backwards, the picture follows it, and the playhead stands on
 * the picture that is on screen.
 */

import { frameAt } from "./clock.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

const JUMP = 0.15; // seconds of drift from which on the picture jumps instead of hurrying
const FASTEST = 8;
const SETTLED = 150; // ms after which a change of what is repeated counts: a region is dragged

export class Transport {
  /** Times real time; negative: backwards; 0: stopped. */
  speed = 0;
  #turn = 0;
  #last = 0;
  #soughtAt = 0;
  #once = false; // it shall not go round
  #timer = 0;

  /** @param {Studio} studio @param {import("../sound/player.js").Player} player @param {import("./screen.js").Screen} screen */
  constructor(studio, player, screen) {
    this.studio = studio;
    this.player = player;
    this.screen = screen;
    studio.on("screen", () => this.screen.show(this.frame));
    studio.on("mode selection takes heard layers", () => this.#heed());
  }

  get playing() {
    return this.speed !== 0;
  }

  /** Index of the picture under the playhead. */
  get frame() {
    return frameAt(this.studio.frames, this.studio.playhead);
  }

  /** @param {number} time seconds; the playhead goes onto the picture that is shown then */
  seek(time) {
    const playing = this.speed;
    if (playing) this.#halt();
    this.#place(frameAt(this.studio.frames, time));
    this.screen.show(this.frame);
    if (playing === 1) this.play();
  }

  /** @param {number} count of pictures */
  step(count) {
    this.pause();
    const { frames } = this.studio;
    this.#place(Math.min(Math.max(this.frame + count, 0), Math.max(frames.length - 1, 0)));
    this.screen.show(this.frame);
    this.studio.emit("stepped");
  }

  /** Goes there while the pointer is dragged, heard on the way. @param {number} time seconds */
  scrub(time) {
    this.seek(time);
    if (!this.playing) this.studio.emit("stepped");
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  pause() {
    if (!this.playing) return;
    this.#halt();
    this.screen.show(this.frame);
  }

  /**
   * Plays with sound, from the playhead, or from the start of what is played if it stands at the end.
   * @param {{once?: boolean}} [how] `once`: it does not go round, whatever else is said
   */
  async play({ once = false } = {}) {
    const { studio, screen, player } = this;
    this.#once = once;
    const round = this.#round;
    const [from, to] = once ? [0, studio.duration] : this.#range();
    if (this.speed) this.#halt();
    const outside = studio.playhead < from - 1e-3 || studio.playhead > to - 0.05;
    if (outside) this.#place(frameAt(studio.frames, from));
    const turn = this.#begin(1);
    studio.emit("playing");
    await player.play(studio.playhead, 1, round);
    if (turn !== this.#turn) return;
    if (screen.ready) {
      screen.video.playbackRate = 1;
      screen.video.play().catch(() => this.pause());
      this.#watchPictures(turn);
    }
    this.#run(turn);
  }

  /** J and L: once more is twice as fast. @param {1 | -1} way */
  async shuttle(way) {
    const faster = Math.sign(this.speed) === way ? Math.min(Math.abs(this.speed) * 2, FASTEST) : 1;
    if (way === 1 && faster === 1) return this.play();
    this.#halt();
    this.#once = false;
    const turn = this.#begin(way * faster);
    await this.player.play(this.studio.playhead, this.speed);
    if (turn !== this.#turn) return;
    if (way === 1 && this.screen.ready) {
      this.screen.video.playbackRate = faster;
      this.screen.video.play().catch(() => this.pause());
      this.#watchPictures(turn);
    }
    this.#run(turn);
  }

  /** @param {number} speed @returns {number} turn */
  #begin(speed) {
    this.speed = speed;
    this.#last = performance.now();
    this.studio.emit("mode");
    return ++this.#turn;
  }

  #halt() {
    this.#turn++;
    this.speed = 0;
    this.player.stop();
    this.screen.video.pause();
    this.studio.emit("mode");
  }

  /** Seconds that are played: the region while looping, else all. @returns {[number, number]} */
  #range() {
    const { repeats, region, duration } = this.studio;
    return repeats && region ? [region.start, region.end] : [0, duration];
  }

  /** What shall be played again and again. @returns {import("../sound/player.js").Round | null} */
  get #round() {
    const [from, to] = this.#range();
    return this.studio.repeats && !this.#once ? { from, to } : null;
  }

  /** What goes round may have changed while it plays. */
  #heed() {
    clearTimeout(this.#timer);
    if (this.speed === 1) this.#timer = window.setTimeout(() => this.speed === 1 && this.player.goRound(this.#round), SETTLED);
  }

  /** Moves the playhead with each picture that comes on screen, and holds it to the sound. @param {number} turn */
  #watchPictures(turn) {
    const { video } = this.screen;
    video.requestVideoFrameCallback((now, { mediaTime, expectedDisplayTime }) => {
      if (turn !== this.#turn) return;
      const time = mediaTime - this.screen.offset;
      this.#place(frameAt(this.studio.frames, time));
      const heard = this.player.position;
      if (this.speed > 0 && heard !== null) {
        // The picture has been due since its own time: compare when it is half over, on average.
        this.#follow(video.currentTime - this.screen.offset - heard - Math.max(expectedDisplayTime - now, 0) / 1000);
      }
      this.#watchPictures(turn);
    });
  }

  /** @param {number} drift seconds that the picture is ahead of the sound */
  #follow(drift) {
    const { video } = this.screen;
    const late = drift / this.speed; // of what is watched
    if (Math.abs(late) > JUMP && performance.now() - this.#soughtAt > 500) {
      this.#soughtAt = performance.now();
      video.playbackRate = this.speed;
      video.currentTime -= drift;
    } else if (Math.abs(late) <= JUMP) {
      video.playbackRate = this.speed * (1 - Math.min(Math.max(late * 0.8, -0.08), 0.08));
    }
  }

  /** The end of what is played, and pictures that no video element shows. @param {number} turn */
  #run(turn) {
    requestAnimationFrame((now) => {
      if (turn !== this.#turn) return;
      const before = this.#heard;
      const time = (this.#heard = this.#timeNow(Math.max(now - this.#last, 0) / 1000));
      this.#last = now;
      const { round } = this.player;
      if (round && time < before) this.#turned(time);
      if (!this.screen.ready || this.speed < 0) {
        this.#place(frameAt(this.studio.frames, Math.max(time, 0)), time);
        this.screen.show(this.frame);
      }
      const [from, to] = this.#once ? [0, this.studio.duration] : this.#range();
      const isOver = this.speed > 0 ? time >= to - 0.004 || this.screen.video.ended : time <= from;
      if (isOver && !round) this.pause();
      else this.#run(turn);
    });
  }

  /** The sound has begun again: the picture follows. @param {number} time seconds */
  #turned(time) {
    const { screen } = this;
    if (!screen.ready) return;
    this.#soughtAt = performance.now();
    screen.video.currentTime = Math.max(time, 0) + screen.offset;
    screen.video.play().catch(() => this.pause()); // it may have ended
  }

  /** @param {number} passed seconds since it was asked last @returns {number} seconds, between pictures too */
  #timeNow(passed) {
    return this.player.position ?? this.#free + passed * this.speed;
  }

  #free = 0; // the playhead before it is put onto a picture: slow motion would stand still otherwise
  #heard = 0; // seconds, as it was looked at last

  /** @param {number} index @param {number} [free] */
  #place(index, free) {
    const time = this.studio.frames[index] ?? 0;
    this.#free = free ?? time;
    if (time === this.studio.playhead) return;
    this.studio.playhead = time;
    this.studio.emit("playhead");
  }
}
