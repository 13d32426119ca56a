/** Dark, as rooms for sound and picture are, unless this browser has chosen light. */

const KEY = "folai-theme";

export function startTheme() {
  document.documentElement.dataset.theme = localStorage.getItem(KEY) ?? "dark";
}

/** @param {() => void} changed */
export function turnTheme(changed) {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, root.dataset.theme);
  changed();
}
