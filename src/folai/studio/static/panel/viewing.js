/** The picture in a window of its own, or on the whole screen. */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @param {import("./messages.js").Messages} messages @returns {import("../commands/keys.js").Command[]} */
export function viewingCommands(messages) {
  const group = "View";
  const ownWindow = async () => {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await byId("video").requestPictureInPicture();
    } catch {
      messages.show("viewing", "This browser gives a video no window of its own. Full screen (Shift+F) works.", { tone: "plain" });
    }
  };
  const fullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : byId("viewer").requestFullscreen());
  return [
    { id: "own-window", title: "The picture in a window of its own", keys: ["Shift+O"], group, run: ownWindow },
    { id: "full-screen", title: "The picture on the whole screen", keys: ["Shift+F"], group, run: () => fullScreen() },
  ];
}
