/** Commands of time: playing, stepping, setting a region, zooming. */

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("./keys.js").Command} Command */

const SHORTEST = 0.01; // seconds of a region set by keys

/**
 * @param {Studio} studio @param {import("../picture/transport.js").Transport} transport
 * @param {import("../timeline/timeline.js").Timeline} timeline @param {() => boolean} cancelGesture
 * @returns {Command[]}
 */
export function movingCommands(studio, transport, timeline, cancelGesture) {
  const { axis } = timeline;
  const open = () => studio.project !== null;
  /** @type {Omit<Command, "group">[]} */
  const time = [
    { id: "play", title: "Play or pause", keys: ["Space"], run: () => transport.toggle(), enabled: open },
    { id: "stop", title: "Stop", keys: ["K"], run: () => transport.pause() },
    { id: "forwards", title: "Play; press again to go faster", keys: ["L"], run: () => transport.shuttle(1), enabled: open },
    { id: "backwards", title: "Play backwards; press again to go faster", keys: ["J"], run: () => transport.shuttle(-1), enabled: open },
    { id: "previous-frame", title: "Previous frame", keys: ["←"], hold: true, run: () => transport.step(-1), enabled: open },
    { id: "next-frame", title: "Next frame", keys: ["→"], hold: true, run: () => transport.step(1), enabled: open },
    { id: "second-back", title: "One second back", keys: ["Shift+←"], hold: true, run: () => transport.seek(studio.playhead - 1) },
    { id: "second-on", title: "One second forward", keys: ["Shift+→"], hold: true, run: () => transport.seek(studio.playhead + 1) },
    { id: "to-start", title: "Go to the start", keys: ["Home"], run: () => transport.seek(0), enabled: open },
    { id: "to-end", title: "Go to the end", keys: ["End"], run: () => transport.seek(studio.duration), enabled: open },
    { id: "loop", title: "Play the region, or all, again and again", keys: ["Shift+L"], run: () => turnLoop(studio), pressed: () => studio.repeats },
    { id: "mark-in", title: "Start the region here", keys: ["I"], run: () => mark(studio, "start"), enabled: open },
    { id: "mark-out", title: "End the region here", keys: ["O"], run: () => mark(studio, "end"), enabled: open },
    { id: "select-all", title: "Select everything", keys: ["Ctrl+A"], run: () => studio.select({ start: 0, end: studio.duration }), enabled: open },
    { id: "clear", title: "Clear the selection, or cancel a drag", keys: ["Esc"], run: () => cancelGesture() || studio.select(null) },
  ];
  /** @type {Omit<Command, "group">[]} */
  const view = [
    { id: "zoom-in", title: "Zoom in", keys: ["+", "="], hold: true, run: () => zoom(1.5) },
    { id: "zoom-out", title: "Zoom out", keys: ["-"], hold: true, run: () => zoom(1 / 1.5) },
    { id: "fit", title: "Show the whole clip", keys: ["F"], run: () => axis.fit() },
    { id: "zoom-region", title: "Show the region", keys: ["Z"], run: () => studio.region && axis.show(studio.region.start, studio.region.end) },
    { id: "page-back", title: "Scroll back", keys: ["PageUp"], hold: true, run: () => axis.scroll(-axis.width * 0.8) },
    { id: "page-on", title: "Scroll forward", keys: ["PageDown"], hold: true, run: () => axis.scroll(axis.width * 0.8) },
  ];
  /** Around the playhead where it can be seen. @param {number} factor */
  const zoom = (factor) => {
    const x = axis.toX(studio.playhead);
    axis.zoom(factor, x >= 0 && x <= axis.width ? x : axis.width / 2);
  };
  return [
    ...time.map((command) => ({ ...command, group: "Time" })),
    ...view.map((command) => ({ ...command, group: "View" })),
  ];
}

/** Where it comes out as the take says, the next take is asked again. @param {Studio} studio */
function turnLoop(studio) {
  const wanted = !studio.repeats;
  studio.loop = wanted === studio.hearsLoop ? null : wanted;
  studio.emit("mode");
  studio.announce(wanted ? "Plays again and again" : "Plays once");
}

/** @param {Studio} studio @param {"start" | "end"} which */
function mark(studio, which) {
  const { playhead, duration, region } = studio;
  const other = which === "start" ? (region?.end ?? duration) : (region?.start ?? 0);
  if (which === "start") studio.select({ start: playhead, end: other > playhead + SHORTEST ? other : duration });
  else studio.select({ start: other < playhead - SHORTEST ? other : 0, end: playhead });
  studio.announce(studio.region ? `Region of ${(studio.region.end - studio.region.start).toFixed(3)} s` : "No region");
}
