/** Keys: from what is pressed to the command that has it, and how keys are written for people. */

/** @typedef {{id: string, title: string, keys: string[], group: string, run: (event?: Event) => void, enabled?: () => boolean, pressed?: () => boolean, hold?: boolean}} Command */

const MAC = /Mac|iPad|iPhone/.test(navigator.platform);
/** @type {Record<string, string>} */
const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc" };
/** @type {Record<string, string>} */
const ARIA = { Ctrl: "Control", "←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown", Esc: "Escape" };

/** What is pressed, as it stands in the tables: "Ctrl+Shift+Z", "Alt+←", "[". @param {KeyboardEvent} event */
export function keyOf(event) {
  let key = NAMES[event.key] ?? event.key;
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1];
  const digit = /^Digit([0-9])$/.exec(event.code)?.[1];
  if (/^[a-z]$/i.test(key)) key = key.toUpperCase();
  else if (letter && key.length === 1) key = letter; // another alphabet, or what Alt puts on a letter
  if (digit && event.altKey) key = digit;
  const named = event.key in NAMES && key !== "Space"; // an arrow is no sign, though it is written as one
  const sign = key.length === 1 && !named && !/[A-Z0-9]/i.test(key) && !event.altKey;
  const parts = [
    (event.ctrlKey || event.metaKey) && "Ctrl",
    event.altKey && "Alt",
    event.shiftKey && !sign && "Shift",
    key,
  ];
  return parts.filter(Boolean).join("+");
}

/** For people. @param {string} key */
export function keyText(key) {
  return MAC ? key.replace("Ctrl+", "⌘").replace("Alt+", "⌥").replace("Shift+", "⇧") : key;
}

/** For `aria-keyshortcuts`. @param {string[]} keys */
export function keyAria(keys) {
  const parts = (/** @type {string} */ key) => (key === "+" ? ["Plus"] : key.split("+"));
  return keys.map((key) => parts(key).map((part) => ARIA[part] ?? part).join("+")).join(" ");
}

const SLIDES = new Set(["←", "→", "↑", "↓", "Home", "End", "PageUp", "PageDown"]);

/** Whether a person writes there. @param {EventTarget | null} target */
function writes(target) {
  const others = ["checkbox", "radio", "button", "range", "file"];
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && !others.includes(target.type));
}

/** Whether a field or button has a use of its own for a key without Ctrl or Alt. @param {EventTarget | null} target @param {string} key */
function needs(target, key) {
  if (writes(target)) return true;
  if (key === "Space") return false; // it plays, whatever was clicked last
  if (target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement && target.type === "range") return SLIDES.has(key.replace("Shift+", ""));
  return key === "Enter" && (target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement);
}

export class Keys {
  /** Whether single letters are keys. */
  letters = localStorage.getItem("folai-letter-keys") !== "off";
  /** @type {Map<string, Command>} */ #commands = new Map();

  /** @param {Command[]} commands */
  constructor(commands) {
    for (const command of commands) {
      for (const key of command.keys) {
        if (this.#commands.has(key)) throw new Error(`two commands have the key ${key}`);
        this.#commands.set(key, command);
      }
    }
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("keyup", (event) => {
      // A button is pressed when Space is let go.
      const open = document.querySelector("dialog[open]");
      if (event.key === " " && !open && !writes(event.target)) event.preventDefault();
    });
  }

  /** @param {boolean} letters whether single letters are keys; this browser remembers it */
  useLetters(letters) {
    this.letters = letters;
    localStorage.setItem("folai-letter-keys", letters ? "on" : "off");
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const key = keyOf(event);
    const target = event.target;
    const bare = !key.includes("Ctrl+") && !key.includes("Alt+");
    if (bare && needs(target, key)) {
      if (key === "Esc") /** @type {HTMLElement} */ (target).blur();
      return;
    }
    if (writes(target) && /^Ctrl\+(Shift\+)?[ACVXZY]$/.test(key)) return; // of the text
    const field = bare ? null : fieldOf(key);
    const command = this.#commands.get(key);
    if (!field && !command) return;
    if (!this.letters && bare && /^(Shift\+)?[A-Z0-9]$|^[^A-Za-z0-9]$/.test(key)) return;
    event.preventDefault();
    if (field) {
      field.closest("details")?.setAttribute("open", "");
      field.focus();
      if (field instanceof HTMLInputElement && field.type !== "range") field.select();
    } else if (command && (command.hold || !event.repeat) && (command.enabled?.() ?? true)) command.run(event);
  }
}

/** The field that a key goes to. @param {string} key @returns {HTMLElement | null} */
function fieldOf(key) {
  return document.querySelector(`[data-key="${CSS.escape(key)}"]`);
}

/** Fields have keys too, which go there: `data-key`. */
export function nameFields() {
  for (const field of document.querySelectorAll("[data-key]")) {
    const own = /** @type {HTMLInputElement} */ (field);
    const key = own.dataset.key ?? "";
    own.setAttribute("aria-keyshortcuts", keyAria([key]));
    own.title = `${own.getAttribute("aria-label") ?? own.labels?.[0]?.textContent ?? ""} (${keyText(key)})`;
  }
}

/** Buttons that carry `data-command` run it, and say its name and key. @param {Command[]} commands */
export function wireButtons(commands) {
  const known = new Map(commands.map((command) => [command.id, command]));
  for (const button of document.querySelectorAll("[data-command]")) {
    const command = known.get(/** @type {HTMLElement} */ (button).dataset.command ?? "");
    if (!command) throw new Error(`no command ${/** @type {HTMLElement} */ (button).dataset.command}`);
    button.addEventListener("click", (event) => command.run(event));
    name(/** @type {HTMLElement} */ (button), command.title, command.keys);
  }
  return () => refreshButtons(known);
}

/** Gives a control its name and keys. @param {HTMLElement} control @param {string} title @param {string[]} keys */
export function name(control, title, keys) {
  control.title = keys.length ? `${title} (${keys.map(keyText).join(", ")})` : title;
  if (!control.textContent?.trim() || control.classList.contains("icon")) control.setAttribute("aria-label", title);
  if (keys.length) control.setAttribute("aria-keyshortcuts", keyAria(keys));
  if (control instanceof HTMLButtonElement) control.type ||= "button";
}

/** @param {Map<string, Command>} known */
function refreshButtons(known) {
  for (const button of document.querySelectorAll("button[data-command]")) {
    const own = /** @type {HTMLButtonElement} */ (button);
    const command = known.get(own.dataset.command ?? "");
    if (command?.enabled) own.disabled = !command.enabled();
    if (command?.pressed) own.setAttribute("aria-pressed", String(command.pressed()));
  }
}
