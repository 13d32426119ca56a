/** The sound of a layer, copied to other clips. */

import { getJson, sendJson } from "../net/api.js";
import { choose } from "./ask.js";

/**
 * @param {import("../state/studio.js").Studio} studio @param {import("../net/saving.js").Saver} saver
 * @param {import("./messages.js").Messages} messages @returns {import("../commands/keys.js").Command[]}
 */
export function spreadingCommands(studio, saver, messages) {
  const run = async () => {
    const { layer, project } = studio;
    if (!layer) return;
    try {
      await saver.flush();
      const others = (await getJson("projects")).projects.filter((/** @type {any} */ one) => !one.error && one.id !== project.id);
      if (!others.length) return messages.show("spread", "There is no other clip yet.", { tone: "plain" });
      const all = `All ${others.length} other clips`;
      const named = others.slice(0, 8).map((/** @type {any} */ one) => one.name);
      const answer = await choose(`Copy the sound of ${layer.name} to`, others.length > 1 ? [all, ...named] : named);
      if (!answer) return;
      const chosen = others.filter((/** @type {any} */ one) => answer === all || one.name === answer);
      const ids = chosen.map((/** @type {any} */ one) => one.id);
      const { layers } = await sendJson("POST", `projects/${project.id}/spread-sound`, { layer: layer.id, projects: ids });
      messages.show("spread", `The sound of ${layer.name} is in ${layers} ${layers === 1 ? "clip" : "clips"} more.`, { tone: "plain" });
    } catch (error) {
      messages.fail(error, "spread");
    }
  };
  const enabled = () => studio.project !== null && !studio.readOnly;
  return [{ id: "spread-sound", title: "Copy the layer's sound to other clips", keys: ["Alt+D"], group: "Sound", run, enabled }];
}
