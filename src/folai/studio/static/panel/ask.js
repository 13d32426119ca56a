/** Questions: yes or no, or a name. */

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);

/** One of several answers. @param {string} text @param {string[]} answers @returns {Promise<string | null>} null: none */
export function choose(text, answers) {
  const made = answers.map((label, n) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: label, className: n ? "" : "primary" });
    return button;
  });
  part("ask-yes").hidden = true;
  part("ask-no").before(...made);
  const chosen = new Promise((resolve) => made.forEach((button) => (button.onclick = () => resolve(button.textContent))));
  const closed = ask(text);
  made[0].focus();
  return Promise.race([chosen, closed]).then((answer) => {
    part("ask-dialog").close();
    part("ask-yes").hidden = false;
    for (const button of made) button.remove();
    return answer;
  });
}

/**
 * @param {string} text @param {{yes?: string, field?: string, value?: string, empty?: boolean}} [options] with `field`, a
 * line of text is asked for; `empty`: it may be none
 * @returns {Promise<string | null>} null: no
 */
export function ask(text, { yes = "OK", field, value = "", empty = false } = {}) {
  const dialog = part("ask-dialog");
  const input = part("ask-input");
  part("ask-text").textContent = text;
  part("ask-yes").textContent = yes;
  part("ask-field").hidden = field === undefined;
  part("ask-label").textContent = field ?? "";
  input.value = value;
  dialog.showModal();
  if (field !== undefined) input.select();
  return new Promise((resolve) => {
    const done = (/** @type {string | null} */ answer) => {
      dialog.onclose = null;
      dialog.close();
      input.blur(); // what had the focus before may be gone: keys must not go on writing here
      resolve(answer);
    };
    part("ask-yes").onclick = () => done(field === undefined ? "yes" : input.value.trim() || (empty ? "" : null));
    part("ask-no").onclick = () => done(null);
    input.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        part("ask-yes").click();
      }
    };
    dialog.onclose = () => done(null);
  });
}
