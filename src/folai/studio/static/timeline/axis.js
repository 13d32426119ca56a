/** Time along the width of the timeline: what is visible, zoom and scroll. */

const FINEST = 0.0002; // seconds a pixel

export class Axis extends EventTarget {
  duration = 1;
  width = 1;
  start = 0;
  perPixel = 0.01;

  get end() {
    return this.start + this.width * this.perPixel;
  }

  /** @param {number} time @returns {number} pixels */
  toX(time) {
    return (time - this.start) / this.perPixel;
  }

  /** @param {number} x @returns {number} seconds */
  toTime(x) {
    return this.start + x * this.perPixel;
  }

  /** @param {number} duration seconds */
  open(duration) {
    this.duration = duration;
    this.fit();
  }

  /** @param {number} width pixels */
  resize(width) {
    const whole = this.perPixel * this.width >= this.duration * 0.999;
    this.width = Math.max(width, 1);
    if (whole) this.fit();
    else this.set(this.start, this.perPixel);
  }

  fit() {
    this.set(0, this.duration / this.width);
  }

  /** @param {number} start @param {number} perPixel */
  set(start, perPixel) {
    const coarsest = this.duration / this.width;
    this.perPixel = Math.min(Math.max(perPixel, Math.min(FINEST, coarsest)), coarsest);
    this.start = Math.max(Math.min(start, this.duration - this.width * this.perPixel), 0);
    this.dispatchEvent(new Event("change"));
  }

  /** Closer by `factor`, what is at pixel `x` stays there. @param {number} factor @param {number} x */
  zoom(factor, x = this.width / 2) {
    const time = this.toTime(x);
    const coarsest = this.duration / this.width;
    const perPixel = Math.min(Math.max(this.perPixel / factor, Math.min(FINEST, coarsest)), coarsest);
    this.set(time - x * perPixel, perPixel);
  }

  /** @param {number} pixels to the right */
  scroll(pixels) {
    this.set(this.start + pixels * this.perPixel, this.perPixel);
  }

  /** @param {number} start @param {number} end seconds that shall fill the width, almost */
  show(start, end) {
    const perPixel = ((end - start) * 1.1) / this.width;
    this.set((start + end) / 2 - (this.width * perPixel) / 2, perPixel);
  }

  /** Scrolls as far as it takes to see a time. @param {number} time @param {boolean} [page] a page on */
  reveal(time, page = false) {
    const span = this.width * this.perPixel;
    if (time < this.start) this.set(time - span * 0.1, this.perPixel);
    else if (time > this.end) this.set(page ? time - span * 0.05 : time - span * 0.9, this.perPixel);
  }
}
