/** What a person looks at, kept with the project, so that it is there again after a reload. */

/** @typedef {import("./studio.js").Studio} Studio */

const REST = 1500; // ms after which a view that has come to rest is saved

/** @param {Studio} studio @param {import("../timeline/axis.js").Axis} axis */
export function viewState(studio, axis) {
  const { playhead, activeId, heard, slots, snap, hearEdits, region, parts, clock } = studio;
  return { playhead, layer: activeId, heard, slots, snap, hearEdits, region, parts, clock, start: axis.start, perPixel: axis.perPixel };
}

/** Shows again what was seen last. @param {Studio} studio @param {import("../timeline/axis.js").Axis} axis @param {import("../picture/transport.js").Transport} transport */
export function lookAgain(studio, axis, transport) {
  const view = studio.project.edit.view ?? {};
  if (view.perPixel) axis.set(view.start, view.perPixel);
  transport.seek(view.playhead ?? 0);
}

/**
 * Saves the view now and then, and keeps the playhead in sight. @param {Studio} studio
 * @param {import("../timeline/axis.js").Axis} axis @param {import("../picture/transport.js").Transport} transport
 * @param {import("../net/saving.js").Saver} saver
 */
export function keepView(studio, axis, transport, saver) {
  let timer = 0;
  const remember = () => {
    clearTimeout(timer);
    if (!studio.project || studio.readOnly || transport.playing) return;
    timer = window.setTimeout(() => !transport.playing && saver.ask(true), REST);
  };
  studio.on("playhead", () => transport.playing && axis.reveal(studio.playhead, true));
  studio.on("selection playhead heard clock", remember);
  axis.addEventListener("change", remember);
  addEventListener("beforeunload", (event) => {
    if (saver.state !== "reading") saver.flush().catch(() => {});
    if (saver.urgent && !studio.readOnly) event.preventDefault();
  });
}
