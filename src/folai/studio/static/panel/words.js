/** A prompt's words complete to those that the model knows. */

const SHOWN = 8;

export class Words {
  /** @type {string[]} */ #found = [];
  #chosen = -1;
  /** @type {Map<string, string>} form: word */ #forms = new Map();

  /** @param {HTMLInputElement} input @param {HTMLElement} list */
  constructor(input, list) {
    this.input = input;
    this.list = list;
    input.addEventListener("input", () => this.#suggest());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("blur", () => this.#close());
  }

  /** @param {Record<string, Record<string, string[]>>} words kind: word: synonyms */
  know(words) {
    for (const kind of Object.values(words)) {
      for (const [word, synonyms] of Object.entries(kind)) {
        for (const form of [word, ...synonyms]) this.#forms.set(form, word);
      }
    }
  }

  /** The word that is being written, and where it begins. */
  #stem() {
    const end = this.input.selectionStart ?? this.input.value.length;
    const start = this.input.value.slice(0, end).search(/[^\s,]*$/);
    return { start, end, stem: this.input.value.slice(start, end).toLowerCase() };
  }

  #suggest() {
    const { stem } = this.#stem();
    const forms = [...this.#forms.keys()];
    const begins = forms.filter((form) => form.startsWith(stem) && form !== stem);
    const holds = forms.filter((form) => form.includes(stem) && !form.startsWith(stem));
    this.#found = stem ? [...begins, ...holds].slice(0, SHOWN) : [];
    this.#chosen = -1;
    this.#draw();
  }

  #draw() {
    const rows = this.#found.map((form, n) => {
      const row = document.createElement("li");
      row.id = `${this.list.id}-${n}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(n === this.#chosen));
      row.textContent = form;
      row.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.#take(form);
      });
      return row;
    });
    this.list.replaceChildren(...rows);
    this.list.hidden = !rows.length;
    this.input.setAttribute("aria-expanded", String(rows.length > 0));
    if (this.#chosen >= 0) this.input.setAttribute("aria-activedescendant", rows[this.#chosen].id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#found.length) return;
    const count = this.#found.length;
    if (event.key === "ArrowDown") this.#chosen = (this.#chosen + 1) % count;
    else if (event.key === "ArrowUp") this.#chosen = (this.#chosen - 1 + count) % count;
    else if (event.key === "Enter" || (event.key === "Tab" && this.#chosen >= 0)) {
      this.#take(this.#found[Math.max(this.#chosen, 0)]);
    } else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
  }

  /** @param {string} form */
  #take(form) {
    const { start, end } = this.#stem();
    this.input.setRangeText(`${form} `, start, end, "end");
    this.#close();
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #close() {
    this.#found = [];
    this.#chosen = -1;
    this.#draw();
  }
}
