/** MIDI devices: their notes as taps, and what is said when one goes. */

/** @typedef {(stamp: number, velocity: number, device: string) => void} Hear stamp: ms as `performance.now()`, velocity 0 to 1 */

export class MidiInputs {
  /** @type {any} */ #access = null;

  /** @param {Hear} hear @param {(text: string) => void} tell of devices that come and go */
  constructor(hear, tell) {
    this.hear = hear;
    this.tell = tell;
  }

  /** Names of the devices that are there. @returns {string[]} */
  get names() {
    return this.#access ? [...this.#access.inputs.values()].filter(({ state }) => state !== "disconnected").map(({ name }) => name ?? "MIDI") : [];
  }

  /** Asks the browser for them, once. Without any, keys are enough. */
  async open() {
    const ask = /** @type {any} */ (navigator).requestMIDIAccess;
    if (this.#access || !ask) return;
    try {
      this.#access = await ask.call(navigator);
    } catch {
      return; // refused, or none: taps come from keys
    }
    this.#access.onstatechange = (/** @type {any} */ { port }) => {
      if (port.type !== "input") return;
      if (port.state === "disconnected") this.tell(`${port.name ?? "The MIDI device"} has gone. What was tapped is kept; go on with the key Q, or plug it in again.`);
      this.#listen();
    };
    this.#listen();
  }

  #listen() {
    for (const input of this.#access.inputs.values()) {
      input.onmidimessage = (/** @type {any} */ { data, timeStamp }) => {
        const isNote = (data[0] & 0xf0) === 0x90 && data[2] > 0;
        if (isNote) this.hear(timeStamp || performance.now(), data[2] / 127, input.name ?? "MIDI");
      };
    }
  }
}
