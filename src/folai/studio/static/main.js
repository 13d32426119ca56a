/** Puts the page together: state in the middle, everything else listens to it. */

import { editingCommands } from "./commands/editing.js";
import { Keys, nameFields, wireButtons } from "./commands/keys.js";
import { movingCommands } from "./commands/moving.js";
import { getJson, sendJson } from "./net/api.js";
import { listen } from "./net/events.js";
import { Lease } from "./net/lease.js";
import { openProject, refresh } from "./net/opening.js";
import { Saver } from "./net/saving.js";
import { Export } from "./panel/export.js";
import { showHelp } from "./panel/help.js";
import { Jobs } from "./panel/jobs.js";
import { LayerList, layerCommands } from "./panel/layers.js";
import { Messages } from "./panel/messages.js";
import { Projects } from "./panel/projects.js";
import { References } from "./panel/references.js";
import { SoundForm } from "./panel/sound_form.js";
import { watchStatus } from "./panel/status.js";
import { TakeList, hear, takeCommands } from "./panel/takes.js";
import { startTheme, turnTheme } from "./panel/theme.js";
import { Screen } from "./picture/screen.js";
import { Transport } from "./picture/transport.js";
import { Audition } from "./sound/audition.js";
import { Mixer } from "./sound/mixer.js";
import { Player } from "./sound/player.js";
import { Studio } from "./state/studio.js";
import { Pointers } from "./timeline/pointer.js";
import { Timeline } from "./timeline/timeline.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
const SAMPLE_RATE = 44100; // Hz, of previews and takes: nothing is resampled on the way

startTheme();
const tab = crypto.randomUUID();
const studio = new Studio();
const messages = new Messages(byId("messages"));
const player = new Player(new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" }));
const screen = new Screen(studio, byId("video"), byId("still"));
const transport = new Transport(studio, player, screen);
const timeline = new Timeline(byId("lanes"), studio);
const { axis } = timeline;
const saver = new Saver(studio, tab, () => viewState());
const mixer = new Mixer(studio, player);
new Audition(studio, player, mixer);
timeline.sounding = () => mixer.sounding();
const pointers = new Pointers(timeline, (time) => transport.seek(time));
const jobs = new Jobs(studio, saver, messages);
const references = new References(studio, player, messages);
const form = new SoundForm(studio, byId("sound"));
const exporting = new Export(studio, saver);
const projects = new Projects(messages, open);
new LayerList(studio, byId("layers"));
new TakeList(studio, byId("takes"), byId("no-takes"));
watchStatus(studio, transport, saver);

/** For the console, and for tests. */
Object.assign(globalThis, { folai: { studio, player, mixer, transport, axis, timeline, saver } });

/** @type {import("./commands/keys.js").Command[]} */
const commands = [
  ...movingCommands(studio, transport, timeline, () => pointers.cancel()),
  ...editingCommands(studio, transport),
  ...form.commands(),
  ...references.commands(),
  ...jobs.commands(),
  ...listeningCommands(),
  ...takeCommands(studio),
  ...layerCommands(studio),
  ...pageCommands(),
];
const keys = new Keys(commands);
const refreshButtons = wireButtons(commands);
nameFields();
studio.on(
  "project curve history selection tool mode heard layers takes references jobs sound presets saved",
  () => timeline.loop.ask(refreshButtons),
);

/** @returns {import("./commands/keys.js").Command[]} */
function listeningCommands() {
  const group = "Sound";
  /** @param {"preview" | "takes"} what */
  const listenTo = (what) => {
    studio.heard = what;
    studio.emit("heard");
    studio.emit("edited");
  };
  return [
    { id: "hear-preview", title: "Play the preview of the envelope", keys: ["Shift+P"], group, run: () => listenTo("preview"), pressed: () => studio.heard === "preview" },
    { id: "hear-takes", title: "Play the takes", keys: ["T"], group, run: () => listenTo("takes"), pressed: () => studio.heard === "takes" },
    {
      id: "hear-edits",
      title: "Play each edit at once",
      keys: ["P"],
      group,
      run: () => {
        studio.hearEdits = !studio.hearEdits;
        studio.emit("mode");
      },
      pressed: () => studio.hearEdits,
    },
  ];
}

/** @returns {import("./commands/keys.js").Command[]} */
function pageCommands() {
  const group = "Page";
  return [
    { id: "projects", title: "Open another clip", keys: ["Ctrl+O"], group, run: () => projects.show() },
    { id: "choose-video", title: "Open a video file", keys: ["Ctrl+Shift+O"], group, run: () => byId("video-file").click() },
    { id: "export", title: "Export", keys: ["Ctrl+E"], group, run: () => exporting.show(), enabled: () => studio.project !== null },
    { id: "theme", title: "Switch between dark and light", keys: ["Shift+D"], group, run: () => turnTheme(() => timeline.recolour()) },
    { id: "help", title: "Show all keys", keys: ["?"], group, run: () => showHelp(commands, keys) },
  ];
}

// Opening, and what the server tells

const lease = new Lease(tab, (editor) => setReadOnly(!editor));

/** What to find again after a reload. */
function viewState() {
  const { playhead, activeId, heard, slots, snap, hearEdits, region } = studio;
  return { playhead, layer: activeId, heard, slots, snap, hearEdits, region, start: axis.start, perPixel: axis.perPixel };
}

/** What is being opened, and whether it has changed meanwhile. */
let opening = { id: "", missed: false };

/** @param {string} id of a project */
async function open(id) {
  if (studio.project) {
    transport.pause();
    await saver.flush().catch(() => {});
  }
  const news = (opening = { id, missed: false });
  await Promise.all([lease.open(id), openProject(studio, id)]);
  const view = studio.project.edit.view ?? {};
  studio.playhead = 0;
  location.hash = id;
  saver.open();
  studio.emit("project");
  for (const name of ["layers", "takes", "sound", "presets", "selection", "history", "heard", "mode", "tool"]) studio.emit(name);
  screen.open();
  if (view.perPixel) axis.set(view.start, view.perPixel);
  transport.seek(view.playhead ?? 0);
  tellVideo();
  mixer.prepare();
  opening = { id: "", missed: false };
  if (news.missed) await changed({ project: id, tab: null, what: "" });
}

/** @param {boolean} readOnly */
function setReadOnly(readOnly) {
  if (readOnly === studio.readOnly) return;
  studio.readOnly = readOnly;
  messages.clear("lease");
  if (readOnly) tellReader();
  if (studio.project) saver.open();
  studio.emit("mode");
}

function tellReader() {
  messages.show("lease", "Another tab edits this clip. This tab can only show and play it; nothing is overwritten.", {
    tone: "plain",
    stays: true,
    actions: [{ label: "Edit here instead", run: () => takeOver() }],
  });
}

async function takeOver() {
  try {
    await lease.open(studio.project.id, true);
    await open(studio.project.id);
  } catch (error) {
    messages.fail(error);
  }
}

/** Says why the video does not play, and what happens next. */
function tellVideo() {
  const { state, message } = studio.project.video;
  const note = byId("viewer-note");
  note.hidden = state === "ready";
  if (state === "converting") note.textContent = "The video is being converted for this browser. Until then it shows stills; everything else works.";
  if (state === "failed") note.textContent = message || "The video cannot be converted for this browser. It shows stills; everything else works.";
}

studio.on("screen", async (state) => {
  if (state !== "failed") return;
  try {
    jobs.learn(await sendJson("POST", `projects/${studio.project.id}/proxy`));
    studio.project.video = { ...studio.project.video, state: "converting" };
    tellVideo();
  } catch (error) {
    messages.fail(error, "video");
  }
});

studio.on("refused", () => studio.readOnly && tellReader());
studio.on("failed", (error) => messages.fail(error));
studio.on("save-failed", (error) => {
  const conflict = error?.body?.reason;
  const actions = conflict
    ? [{ label: "Load the saved state", run: () => reload() }]
    : [{ label: "Save again", run: () => saver.flush().catch(() => {}) }];
  messages.show("save", error.message, { actions });
  if (conflict === "other_tab") setReadOnly(true);
});
studio.on("saved", () => saver.state === "saved" && messages.clear("save"));

async function reload() {
  messages.clear("save");
  await openProject(studio, studio.project.id).catch((error) => messages.fail(error));
  saver.open();
  studio.emit("project");
  for (const name of ["layers", "takes", "sound", "presets", "history"]) studio.emit(name);
}

/** @param {{project: string, tab: string | null, what: string}} event */
async function changed({ project, tab: by, what }) {
  if (project === opening.id) opening.missed = true;
  if (project === opening.id || project !== studio.project?.id || by === tab) return;
  const before = studio.project;
  try {
    const news = await refresh(studio, studio.readOnly && what === "edit");
    for (const take of news?.made ?? []) arrived(take);
    studio.emit("takes");
    studio.emit("references");
    if (studio.readOnly) studio.emit("layers");
    if (news?.videoChanged && studio.project.video.url !== before.video.url) screen.open();
    tellVideo();
    mixer.prepare();
  } catch (error) {
    messages.fail(error);
  }
}

/** A new take is played, as B beside the one before it. @param {any} take */
function arrived(take) {
  const layer = studio.layers.find((one) => one.id === take.layer);
  if (!layer || studio.readOnly) return;
  const before = layer.id === studio.activeId ? studio.takesOf(layer.id).filter((one) => one !== take && one.id !== take.id).at(-1) : null;
  if (layer.id === studio.activeId) studio.slots = { a: before?.id ?? null, b: take.id };
  hear(studio, take);
}

listen(
  {
    status: ({ engine, engine_message }) =>
      engine === "failed" ? messages.show("engine", engine_message) : messages.clear("engine"),
    job: (job) => jobs.learn(job),
    project: (event) => changed(event),
    lease: (event) => event.project === studio.project?.id && setReadOnly(event.tab !== tab),
  },
  (connected) => {
    if (connected) messages.clear("connection");
    else messages.show("connection", "The studio does not answer. Start it again with “folai studio”; this page reconnects by itself.", { stays: true });
    if (!connected || !studio.project) return;
    changed({ project: studio.project.id, tab: null, what: "" });
    if (saver.state === "failed") saver.flush().catch(() => {});
  },
);

// The rest of the page

studio.on("playhead", () => transport.playing && axis.reveal(studio.playhead, true));
axis.addEventListener("change", () => remember());
studio.on("selection playhead heard", () => remember());
let remembering = 0;

/** The view is saved now and then, after it has come to rest. */
function remember() {
  clearTimeout(remembering);
  if (!studio.project || studio.readOnly || transport.playing) return;
  remembering = window.setTimeout(() => !transport.playing && saver.ask(true), 1500);
}

addEventListener("beforeunload", (event) => {
  if (saver.state !== "reading") saver.flush().catch(() => {});
  if (saver.urgent && !studio.readOnly) event.preventDefault();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const file = event.dataTransfer?.files[0];
  const sound = file && (file.type.startsWith("audio/") || /\.(wav|aiff?|flac|mp3|ogg|m4a|opus)$/i.test(file.name));
  const onPanel = event.target instanceof Element && event.target.closest(".panel");
  if (file && studio.project && (sound || onPanel)) references.add(file, file.name);
  else if (file) projects.bring(file);
});

const start = async () => {
  const [status, vocabulary] = await Promise.all([getJson("status"), getJson("vocabulary")]);
  form.know(vocabulary);
  const id = location.hash.slice(1) || status.open;
  if (id) await open(id);
  else await projects.show();
  performance.mark("page-ready");
  document.body.dataset.ready = "true";
};
start().catch((error) => {
  messages.fail(error);
  location.hash = "";
  document.body.dataset.ready = "failed";
});
