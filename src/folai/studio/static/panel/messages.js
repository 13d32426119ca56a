/** Messages over a corner of the page: what happened, and a button for what to do about it. */

/** @typedef {{label: string, run: () => void}} Action */

const READ = 9000; // ms after which a message that asks for nothing goes by itself

export class Messages {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    new MutationObserver((changes) => this.#follow(changes)).observe(document.body, { attributeFilter: ["open"], subtree: true });
    /** @type {Map<string, HTMLElement>} */ this.shown = new Map();
  }

  /**
   * Shows a message in place of the one with the same key.
   * @param {string} key @param {string} text @param {{tone?: "bad" | "plain", actions?: Action[], stays?: boolean}} [options]
   * `stays`: has no button to put it away
   */
  show(key, text, { tone = "bad", actions = [], stays = false } = {}) {
    this.clear(key);
    const row = document.createElement("div");
    row.className = "message";
    row.dataset.tone = tone;
    row.setAttribute("role", tone === "bad" ? "alert" : "status");
    const words = document.createElement("span");
    words.textContent = text;
    row.append(words);
    for (const { label, run } of actions) row.append(button(label, run));
    if (!stays) row.append(button("Dismiss", () => this.clear(key)));
    this.shown.set(key, row);
    this.root.append(row);
    if (tone === "plain" && !stays && !actions.length) setTimeout(() => this.shown.get(key) === row && this.clear(key), READ);
  }

  /** An open dialog lies over all and takes all clicks: messages stand in the one that opened last. @param {MutationRecord[]} changes */
  #follow(changes) {
    const opened = changes.map(({ target }) => target).findLast((one) => one instanceof HTMLDialogElement && one.open);
    const open = opened ?? (this.root.closest("dialog[open]") || document.querySelector("dialog[open]") || document.body);
    if (this.root.parentNode !== open) /** @type {HTMLElement} */ (open).append(this.root);
  }

  /** @param {unknown} error @param {string} [key] */
  fail(error, key = "error") {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.show(key, error instanceof Error ? error.message : String(error));
  }

  /** @param {string} key */
  clear(key) {
    this.shown.get(key)?.remove();
    this.shown.delete(key);
  }
}

/** @param {string} label @param {() => void} run */
function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "small";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}
