/**
 * Pieces of pictures that come from the server as they are needed, and go when others are.
 * A tile that scrolls out of sight before it has come is not waited for.
 */

const RETRY = 1500; // ms until a tile that the server was too busy for is asked for again

/** @template T */
export class Tiles {
  /** @type {Map<string, {value?: T, abort?: AbortController, seen: number}>} */ #tiles = new Map();
  #turn = 0;

  /**
   * @param {number} limit how many are kept @param {() => void} arrived
   * @param {number} [parallel] how many are fetched at a time
   */
  constructor(limit, arrived, parallel = 4) {
    this.limit = limit;
    this.arrived = arrived;
    this.parallel = parallel;
  }

  /** A round of drawing begins: what it does not ask for is out of sight. */
  begin() {
    this.#turn++;
  }

  /** What is here of a tile that is not to be fetched. @param {string} key @returns {T | undefined} */
  peek(key) {
    const tile = this.#tiles.get(key);
    if (tile) tile.seen = this.#turn;
    return tile?.value;
  }

  /** What was fetched, or undefined yet. @param {string} key @param {(signal: AbortSignal) => Promise<T>} fetch */
  get(key, fetch) {
    const tile = this.#tiles.get(key);
    if (tile) {
      tile.seen = this.#turn;
      return tile.value;
    }
    if (this.waiting < this.parallel) this.#fetch(key, fetch);
    return undefined;
  }

  /** Ends a round: drops what is too much or out of sight. */
  end() {
    for (const [key, tile] of this.#tiles) {
      if (tile.abort && tile.seen < this.#turn) {
        tile.abort.abort();
        this.#tiles.delete(key);
      }
    }
    if (this.#tiles.size <= this.limit) return;
    const oldest = [...this.#tiles].filter(([, tile]) => tile.seen < this.#turn);
    oldest.sort(([, a], [, b]) => a.seen - b.seen);
    for (const [key, { value }] of oldest.slice(0, this.#tiles.size - this.limit)) {
      if (value instanceof ImageBitmap) value.close();
      this.#tiles.delete(key);
    }
  }

  clear() {
    for (const { abort } of this.#tiles.values()) abort?.abort();
    this.#tiles.clear();
  }

  /** How many are being fetched. */
  get waiting() {
    return [...this.#tiles.values()].filter((tile) => tile.abort).length;
  }

  /** @param {string} key @param {(signal: AbortSignal) => Promise<T>} fetch */
  async #fetch(key, fetch) {
    const abort = new AbortController();
    const tile = { abort, seen: this.#turn };
    this.#tiles.set(key, tile);
    try {
      const value = await fetch(abort.signal);
      if (this.#tiles.get(key) === tile) this.#tiles.set(key, { value, seen: tile.seen });
    } catch {
      if (this.#tiles.get(key) !== tile) return this.arrived(); // another may have waited for its place
      await new Promise((done) => setTimeout(done, RETRY));
      if (this.#tiles.get(key) === tile) this.#tiles.delete(key);
    }
    this.arrived();
  }
}
