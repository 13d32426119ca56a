/** Says why the video does not play, and what happens next; asks for a version that does. */

import { sendJson } from "../net/api.js";

const CONVERTING = "The video is being converted for this browser. Until then it shows stills; everything else works.";
const FAILED = "The video cannot be converted for this browser. It shows stills; everything else works.";

/**
 * @param {import("../state/studio.js").Studio} studio @param {import("../picture/screen.js").Screen} screen
 * @param {import("./jobs.js").Jobs} jobs @param {import("./messages.js").Messages} messages
 */
export function watchVideo(studio, screen, jobs, messages) {
  const note = /** @type {HTMLElement} */ (document.getElementById("viewer-note"));
  const tell = () => {
    const { state, message } = studio.project.video;
    note.hidden = state === "ready";
    note.textContent = state === "converting" ? CONVERTING : message || FAILED;
  };
  studio.on("project fetched", tell);
  studio.on("project", () => screen.open());
  studio.on("video", (another) => another && screen.open());
  studio.on("screen", async (state) => {
    if (state !== "failed") return;
    try {
      jobs.learn(await sendJson("POST", `projects/${studio.project.id}/proxy`));
      studio.project.video = { ...studio.project.video, state: "converting" };
      tell();
    } catch (error) {
      messages.fail(error, "video");
    }
  });
}
