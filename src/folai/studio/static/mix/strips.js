/** The channel of each layer, between what plays and the master, with the rooms that they need. */

import { getBytes } from "../net/api.js";
import { FLAT, responseOf, Strip } from "./strip.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("./strip.js").Response} Response */

export class Strips {
  /** @type {Map<string, Strip>} by layer */ #strips = new Map();
  /** @type {Map<string, Response | "asked">} by room and distance */ #rooms = new Map();

  /** @param {Studio} studio @param {import("../sound/player.js").Player} player @param {import("../panel/messages.js").Messages} messages */
  constructor(studio, player, messages) {
    this.studio = studio;
    this.player = player;
    this.messages = messages;
    studio.on("layers channel project", () => this.update());
  }

  /** Where a layer's sound goes in. @param {string} layer */
  inputOf(layer) {
    return this.of(layer).input;
  }

  /** @param {string} layer */
  of(layer) {
    let strip = this.#strips.get(layer);
    if (!strip) {
      strip = new Strip(this.player.context, this.player.out);
      this.#strips.set(layer, strip);
      const channel = this.studio.layers.find(({ id }) => id === layer)?.channel;
      strip.set(channel, this.#room(channel));
    }
    return strip;
  }

  update() {
    for (const { id, channel } of this.studio.layers) this.of(id).set(channel, this.#room(channel), true);
  }

  /** @param {import("../state/studio.js").Channel | null | undefined} channel @returns {Response | null} null: none, or not there yet */
  #room(channel) {
    const { room, distance } = { ...FLAT, ...channel };
    if (!room) return null;
    const query = `name=${room}&distance=${distance}&sample_rate=${this.player.context.sampleRate}`;
    const known = this.#rooms.get(query);
    if (!known) this.#fetch(query);
    return known && known !== "asked" ? known : null;
  }

  /** @param {string} query */
  async #fetch(query) {
    this.#rooms.set(query, "asked");
    try {
      this.#rooms.set(query, responseOf(await getBytes(`room?${query}`)));
      this.update();
    } catch (error) {
      this.#rooms.delete(query);
      this.messages.fail(error, "room");
    }
  }
}
