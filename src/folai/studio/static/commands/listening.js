/** Commands of what is heard: preview or takes, and edits at once. */

/** @param {import("../state/studio.js").Studio} studio @returns {import("./keys.js").Command[]} */
export function listeningCommands(studio) {
  const group = "Sound";
  /** @param {"preview" | "takes"} what */
  const listenTo = (what) => {
    studio.heard = what;
    studio.emit("heard");
    studio.emit("edited");
  };
  const turn = () => {
    studio.hearEdits = !studio.hearEdits;
    studio.emit("mode");
  };
  return [
    { id: "hear-preview", title: "Play the preview of the envelope", keys: ["Shift+P"], group, run: () => listenTo("preview"), pressed: () => studio.heard === "preview" },
    { id: "hear-takes", title: "Play the takes", keys: ["T"], group, run: () => listenTo("takes"), pressed: () => studio.heard === "takes" },
    { id: "hear-edits", title: "Play each edit at once", keys: ["P"], group, run: turn, pressed: () => studio.hearEdits },
  ];
}
