/** Keys as other programs have them. What a map does not name keeps its own key, unless the map has given that away. */

/** @typedef {import("./keys.js").Command} Command */

const KEY = "folai-key-map";

/** @type {Record<string, Record<string, string[]>>} program: command: keys */
export const KEY_MAPS = {
  folai: {},
  "Pro Tools": {
    "add-marker": ["Enter"], "zoom-in": ["T"], "zoom-out": ["R"], loop: ["Ctrl+Shift+L"], earlier: [","], later: ["."],
    "mark-in": ["↓"], "mark-out": ["↑"], "mute-layer": ["Shift+M"], "solo-layer": ["Shift+S"], "to-start": ["Home"],
    "tool-select": ["F7"], "tool-draw": ["F10"], "next-hit": ["L"], "previous-hit": ["K"], "zoom-region": ["E"], fit: ["Shift+Z"],
    "second-back": ["1"], "second-on": ["2"], "add-layer": ["Ctrl+Shift+N"], mute: ["Ctrl+M"], smooth: ["Ctrl+Shift+S"],
  },
  Premiere: {
    "add-marker": ["M"], "next-marker": ["Shift+M"], "previous-marker": ["Ctrl+Shift+M"], "next-cut": ["↓"], "previous-cut": ["↑"],
    "mark-in": ["I"], "mark-out": ["O"], "zoom-in": ["="], "zoom-out": ["-"], fit: ["\\"], "snap-mode": ["S"], export: ["Ctrl+M"],
    "tool-select": ["V"], "tool-draw": ["P"], loop: ["Ctrl+L"], clear: ["Esc", "Ctrl+Shift+X"], "full-screen": ["Ctrl+`"],
    "hear-edits": ["Shift+E"], "select-all": ["Ctrl+A"],
  },
  Reaper: {
    "add-marker": ["M"], "next-marker": ["]"], "previous-marker": ["["], loop: ["R"], "next-hit": ["Ctrl+→"], "previous-hit": ["Ctrl+←"],
    "zoom-in": ["+", "="], "zoom-out": ["-"], "go-to": ["Ctrl+J"], "to-start": ["W", "Home"], "add-layer": ["Ctrl+T"],
    "mute-layer": ["Alt+Shift+M"], "solo-layer": ["Alt+Shift+S"], "snap-mode": ["Alt+Shift+N"], "rename-layer": ["F2"],
    "own-window": ["Ctrl+Shift+V"], "hear-edits": ["Shift+E"],
  },
};

export function chosenMap() {
  const name = localStorage.getItem(KEY) ?? "folai";
  return name in KEY_MAPS ? name : "folai";
}

/** This browser remembers it; it counts from the next load. @param {string} name */
export function chooseMap(name) {
  localStorage.setItem(KEY, name);
  location.reload();
}

/** The commands with the keys of a map. @param {Command[]} commands @param {string} name @returns {Command[]} */
export function mapped(commands, name) {
  const map = KEY_MAPS[name];
  const given = new Set(Object.values(map).flat());
  return commands.map((command) => ({ ...command, keys: map[command.id] ?? command.keys.filter((key) => !given.has(key)) }));
}
