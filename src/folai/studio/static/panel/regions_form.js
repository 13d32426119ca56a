/** The regions of a take that are regenerated at once: added from the timeline, or typed. */

import { readRegions, regionsText, toggled } from "../envelope/spans.js";

/** @typedef {import("../state/studio.js").Studio} Studio */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class RegionsForm {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    const field = byId("regions");
    field.addEventListener("change", (/** @type {Event} */ event) => {
      event.stopPropagation(); // the form around it is the layer's sound
      this.#read();
    });
    studio.on("selection project", () => this.show());
  }

  /** @returns {import("../commands/keys.js").Command[]} */
  commands() {
    const { studio } = this;
    const group = "Sound";
    return [
      {
        id: "add-region",
        title: "Add the region to those that are regenerated, or take it away",
        keys: ["Shift+Enter"],
        group,
        run: () => studio.region && this.#set(toggled(studio.parts, studio.region)),
        enabled: () => studio.region !== null,
      },
      {
        id: "clear-regions",
        title: "Regenerate the selected region only, none that was added",
        keys: ["Alt+Enter"],
        group,
        run: () => this.#set([]),
        enabled: () => studio.parts.length > 0 || byId("regions").value !== "",
      },
    ];
  }

  /** @param {import("../envelope/curve.js").Region[]} parts */
  #set(parts) {
    this.studio.parts = parts;
    this.studio.partsError = "";
    this.studio.emit("selection");
    const count = parts.length === 1 ? "1 region" : `${parts.length} regions`;
    this.studio.announce(parts.length ? `${count} to regenerate: ${regionsText(parts)}` : "No region added");
  }

  /** What was typed; what cannot be read stands, and nothing is regenerated meanwhile. */
  #read() {
    const { studio } = this;
    try {
      this.#set(readRegions(byId("regions").value, studio.duration));
    } catch (error) {
      studio.parts = [];
      studio.partsError = error instanceof Error ? error.message : String(error);
      studio.emit("selection");
    }
  }

  show() {
    const { parts, partsError } = this.studio;
    const [field, note] = [byId("regions"), byId("regions-note")];
    if (!partsError && field.value !== regionsText(parts)) field.value = regionsText(parts);
    field.setAttribute("aria-invalid", String(partsError !== ""));
    if (note.textContent !== partsError) note.textContent = partsError;
    note.hidden = !partsError;
    byId("regenerate").textContent = parts.length ? `${parts.length} ${parts.length === 1 ? "region" : "regions"}` : "Region only";
  }
}
