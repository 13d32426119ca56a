/** The small parts that rows of lists are made of. */

import { name } from "../commands/keys.js";

/**
 * @param {string} text @param {string} title @param {string[]} keys @param {() => void} run
 * @param {{className?: string, pressed?: boolean}} [options]
 */
export function rowButton(text, title, keys, run, { className = "", pressed } = {}) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `icon small ${className}`;
  button.textContent = text;
  if (pressed !== undefined) button.setAttribute("aria-pressed", String(pressed));
  name(button, title, keys);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    run();
  });
  return button;
}

/** @param {string} text @param {string} title @param {string[]} keys @param {() => void} run @param {() => void} [rename] */
export function nameButton(text, title, keys, run, rename) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "name";
  const words = document.createElement("span");
  words.textContent = text;
  button.append(words);
  name(button, title, keys);
  button.addEventListener("click", run);
  if (rename) button.addEventListener("dblclick", rename);
  return button;
}

/** A gain in dB with its reading. @param {string} title @param {string[]} keys @param {number} value @param {(db: number) => void} changed @returns {[HTMLInputElement, HTMLOutputElement]} */
export function gainSlider(title, keys, value, changed) {
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: "-36", max: "12", step: "0.5", value: String(value) });
  name(slider, title, keys);
  slider.setAttribute("aria-label", title);
  const output = document.createElement("output");
  const tell = () => {
    output.textContent = `${Number(slider.value).toFixed(1)}`;
    slider.setAttribute("aria-valuetext", `${slider.value} dB`);
  };
  tell();
  slider.addEventListener("input", () => {
    tell();
    changed(Number(slider.value));
  });
  slider.addEventListener("dblclick", () => {
    slider.value = "0";
    tell();
    changed(0);
  });
  return [slider, output];
}
