/** Dark or light: as this browser was told last, else as the system is, dark where it does not say. */

const KEY = "folai-theme";

export function startTheme() {
  const light = matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = localStorage.getItem(KEY) ?? (light ? "light" : "dark");
}

/** @param {() => void} changed */
export function turnTheme(changed) {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, root.dataset.theme);
  changed();
}
