/**
 * Which time of the sound is heard at a moment of the page's clock.
 *
 * `AudioContext.currentTime` goes on in steps, and is looked at late: the truth is the earliest that it
 * was ever seen, so the offset between both clocks is the highest of many looks.
 */

const EVERY = 10; // ms between looks
const KEPT = 100; // looks: the clocks drift, if slowly

export class OutputClock {
  /** @type {number[]} seconds that the context is ahead of the page */ #offsets = [];
  #timer = 0;

  /** @param {AudioContext} context */
  constructor(context) {
    this.context = context;
  }

  /** Looks often from now on: from the start of what is to be timed to its end. */
  begin() {
    this.end();
    this.#offsets = [];
    this.#timer = window.setInterval(() => this.#look(), EVERY);
  }

  end() {
    clearInterval(this.#timer);
  }

  /** Time of the context that is heard at a moment. @param {number} stamp ms, as `performance.now()` */
  at(stamp) {
    this.#look();
    return stamp / 1000 + Math.max(...this.#offsets) - (this.context.outputLatency || 0);
  }

  #look() {
    this.#offsets.push(this.context.currentTime - performance.now() / 1000);
    if (this.#offsets.length > KEPT) this.#offsets.shift();
  }
}
