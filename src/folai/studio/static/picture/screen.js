/** The frame at a time: the video element, or a still from the server where it cannot play. */

import { middleOf } from "./clock.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

const STILL_WAIT = 60; // ms between two stills that are asked for

export class Screen {
  /** Seconds that the video element calls its first picture. */
  offset = 0;
  /** Whether the video element shows the clip. */
  ready = false;
  /** @type {number | null} picture to show once the present one is there */ #pending = null;
  #stillAsked = false;
  #url = "";

  /** @param {Studio} studio @param {HTMLVideoElement} video @param {HTMLImageElement} still */
  constructor(studio, video, still) {
    this.studio = studio;
    this.video = video;
    this.still = still;
    video.addEventListener("seeked", () => this.#next());
    video.addEventListener("error", () => this.#failed());
    video.addEventListener("loadeddata", () => this.#loaded());
  }

  /** Shows the project's video, or stills until there is one. */
  open() {
    const { url, state } = this.studio.project.video;
    const playable = state === "ready" && url;
    if (playable && url === this.#url) return;
    this.ready = false;
    this.#url = playable ? url : "";
    if (playable) this.video.src = url;
    else this.video.removeAttribute("src");
    this.#showStill(true);
    this.show(0);
  }

  /** @param {number} index of the picture */
  show(index) {
    if (!this.ready) return this.#askStill(index);
    // Between the end of a seek and the news of it another may begin: what waited then is out of date.
    this.#pending = this.video.seeking ? index : null;
    if (!this.video.seeking) this.video.currentTime = middleOf(this.studio.frames, index) + this.offset;
  }

  #next() {
    if (this.#pending === null) return;
    const index = this.#pending;
    this.#pending = null;
    this.show(index);
  }

  #loaded() {
    this.ready = true;
    this.#showStill(false);
    // Once a clip has started late within its file, its pictures' times have that in them.
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.video.currentTime === 0 && mediaTime < 0.5) this.offset = mediaTime;
      this.studio.emit("playhead");
      performance.mark("first-picture");
    });
    this.studio.emit("screen", "ready");
  }

  #failed() {
    if (!this.#url) return;
    this.ready = false;
    this.#url = "";
    this.#showStill(true);
    this.studio.emit("screen", "failed");
  }

  /** @param {boolean} visible */
  #showStill(visible) {
    this.still.hidden = !visible;
    this.video.hidden = visible;
  }

  /** @param {number} index */
  #askStill(index) {
    this.#pending = index;
    if (this.#stillAsked || !this.studio.project) return;
    this.#stillAsked = true;
    setTimeout(() => {
      this.#stillAsked = false;
      const time = middleOf(this.studio.frames, this.#pending ?? 0);
      this.still.src = `/api/projects/${this.studio.project.id}/frame?time=${time.toFixed(5)}&height=480`;
    }, STILL_WAIT);
  }
}
