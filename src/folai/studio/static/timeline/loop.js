/** Draws what has changed, once a frame of the screen. */

export class DrawLoop {
  /** @type {Set<() => void>} */ #dirty = new Set();
  #asked = 0;

  /** @param {() => void} draw to be called with the next picture, once however often asked */
  ask(draw) {
    this.#dirty.add(draw);
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0;
      const due = [...this.#dirty];
      this.#dirty.clear();
      for (const one of due) one();
    });
  }
}
