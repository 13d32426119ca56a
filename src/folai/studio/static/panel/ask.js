/** Questions: yes or no, or a name. */

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);

/**
 * @param {string} text @param {{yes?: string, field?: string, value?: string}} [options] with `field`, a
 * line of text is asked for
 * @returns {Promise<string | null>} null: no
 */
export function ask(text, { yes = "OK", field, value = "" } = {}) {
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
    part("ask-yes").onclick = () => done(field === undefined ? "yes" : input.value.trim() || null);
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
