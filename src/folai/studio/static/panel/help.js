/** The list of all keys. */

import { KEY_MAPS, chooseMap, chosenMap } from "../commands/key_maps.js";
import { keyText } from "../commands/keys.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @param {import("../commands/keys.js").Command[]} commands @param {import("../commands/keys.js").Keys} keys */
export function showHelp(commands, keys) {
  const fields = [...document.querySelectorAll("[data-key]")].map((field) => {
    const own = /** @type {HTMLInputElement} */ (field);
    const title = own.getAttribute("aria-label") ?? own.labels?.[0]?.textContent ?? "";
    return { group: "Go to a field", title, keys: [own.dataset.key ?? ""] };
  });
  const takes = { group: "Takes", title: "Play take 1 to 9", keys: ["1 … 9"] };
  const single = commands.filter(({ id }) => !/^take-\d$/.test(id));
  const groups = Map.groupBy([...single, takes, ...fields], ({ group }) => group);
  const parts = [...groups].map(([group, members]) => {
    const part = document.createElement("section");
    const title = document.createElement("h3");
    title.textContent = group;
    part.append(title, ...members.filter((one) => one.keys.length).map(line));
    return part;
  });
  byId("key-list").replaceChildren(...parts);
  const letters = byId("letter-keys");
  letters.checked = keys.letters;
  letters.onchange = () => keys.useLetters(letters.checked);
  const map = byId("key-map");
  map.replaceChildren(...Object.keys(KEY_MAPS).map((name) => new Option(name, name)));
  map.value = chosenMap();
  map.onchange = () => chooseMap(map.value);
  byId("help-dialog").showModal();
}

/** @param {{title: string, keys: string[]}} command */
function line({ title, keys }) {
  const row = document.createElement("p");
  const words = document.createElement("span");
  words.textContent = title;
  const signs = document.createElement("span");
  signs.append(...keys.flatMap((key) => [Object.assign(document.createElement("kbd"), { textContent: keyText(key) }), " "]));
  row.append(words, signs);
  return row;
}
