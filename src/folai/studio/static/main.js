/** Puts the page together: state in the middle, everything else listens to it. */

import { editingCommands } from "./commands/editing.js";
import { chosenMap, mapped } from "./commands/key_maps.js";
import { Keys, nameFields, wireButtons } from "./commands/keys.js";
import { listeningCommands } from "./commands/listening.js";
import { markingCommands } from "./commands/marking.js";
import { movingCommands } from "./commands/moving.js";
import { Meters } from "./mix/meters.js";
import { MixForm } from "./mix/mix_form.js";
import { Strips } from "./mix/strips.js";
import { getJson } from "./net/api.js";
import { News } from "./net/news.js";
import { Saver } from "./net/saving.js";
import { Session } from "./net/session.js";
import { Additions } from "./panel/additions.js";
import { takeDrops } from "./panel/dropping.js";
import { Export } from "./panel/export.js";
import { showHelp } from "./panel/help.js";
import { HitForm } from "./panel/hit_form.js";
import { Jobs } from "./panel/jobs.js";
import { LayerList, layerCommands } from "./panel/layers.js";
import { Library } from "./panel/library.js";
import { Messages } from "./panel/messages.js";
import { Projects } from "./panel/projects.js";
import { References } from "./panel/references.js";
import { RegionsForm } from "./panel/regions_form.js";
import { SoundForm } from "./panel/sound_form.js";
import { spreadingCommands } from "./panel/spreading.js";
import { watchStatus } from "./panel/status.js";
import { Suggestions } from "./panel/suggestions.js";
import { TakeList, takeCommands } from "./panel/takes.js";
import { startTheme, turnTheme } from "./panel/theme.js";
import { watchVideo } from "./panel/video_note.js";
import { viewingCommands } from "./panel/viewing.js";
import { Guide } from "./perform/guide.js";
import { Performance } from "./perform/performance.js";
import { Screen } from "./picture/screen.js";
import { Transport } from "./picture/transport.js";
import { Audition } from "./sound/audition.js";
import { Mixer } from "./sound/mixer.js";
import { Player } from "./sound/player.js";
import { Scrub } from "./sound/scrub.js";
import { Studio } from "./state/studio.js";
import { keepView, lookAgain, viewState } from "./state/view.js";
import { Pointers } from "./timeline/pointer.js";
import { sizeLanes } from "./timeline/sizes.js";
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
sizeLanes(byId("timeline"));
const { axis } = timeline;
const saver = new Saver(studio, tab, () => viewState(studio, axis));
const mixer = new Mixer(studio, player);
const audition = new Audition(studio, player, mixer);
const scrub = new Scrub(studio, player);
const guide = new Guide(studio, player, messages);
const performing = new Performance(studio, player, transport, messages);
const strips = new Strips(studio, player, messages);
const mixForm = new MixForm(studio, messages);
const hitForm = new HitForm(studio, mixer, audition, messages);
const meters = new Meters(studio, player, strips);
mixer.outOf = (layer) => strips.inputOf(layer);
mixer.beside = () => guide.wanted();
timeline.guided = () => guide.sounding();
timeline.sounding = () => mixer.sounding();
const pointers = new Pointers(timeline, (time) => transport.seek(time), (time) => transport.scrub(time));
const jobs = new Jobs(studio, saver, messages);
const session = new Session(studio, saver, messages, tab);
const news = new News(studio, session, jobs, messages, tab);
const references = new References(studio, player, messages);
const library = new Library(studio, player, messages, references);
const additions = new Additions(studio, messages);
const suggestions = new Suggestions(studio, library);
const form = new SoundForm(studio, byId("sound"));
const regions = new RegionsForm(studio);
const exporting = new Export(studio, saver);
const projects = new Projects(messages, open, () => transport.play());
new LayerList(studio, byId("layers"));
new TakeList(studio, byId("takes"), byId("no-takes"));
watchStatus(studio, transport, saver, timeline.loop);
watchVideo(studio, screen, jobs, messages);
keepView(studio, axis, transport, saver);
takeDrops(studio, references, projects, library);
studio.on("leaving", () => transport.pause());
studio.on("fetched", () => mixer.prepare());

/** For the console, and for tests. */
Object.assign(globalThis, { folai: { studio, player, mixer, transport, axis, timeline, saver, session, news, messages, performing, guide, strips, scrub, meters } });

/** @type {import("./commands/keys.js").Command[]} */
const pageCommands = [
  { id: "projects", title: "Open another clip", keys: ["Ctrl+O"], group: "Page", run: () => projects.show() },
  { id: "choose-video", title: "Open a video file", keys: ["Ctrl+Shift+O"], group: "Page", run: () => byId("video-file").click() },
  { id: "export", title: "Export", keys: ["Ctrl+E"], group: "Page", run: () => exporting.show(), enabled: () => studio.project !== null },
  { id: "theme", title: "Switch between dark and light", keys: ["Shift+D"], group: "Page", run: () => turnTheme(() => timeline.recolour()) },
  { id: "help", title: "Show all keys", keys: ["?"], group: "Page", run: () => showHelp(commands, keys) },
];
const commands = mapped([
  ...movingCommands(studio, transport, timeline, () => pointers.cancel()),
  ...editingCommands(studio, transport),
  ...form.commands(),
  ...regions.commands(),
  ...references.commands(),
  ...library.commands(),
  ...additions.commands(),
  ...suggestions.commands(),
  ...jobs.commands(),
  ...listeningCommands(studio),
  ...takeCommands(studio),
  ...layerCommands(studio),
  ...performing.commands(),
  ...guide.commands(),
  ...mixForm.commands(),
  ...hitForm.commands(),
  ...markingCommands(studio, transport, messages),
  ...spreadingCommands(studio, saver, messages),
  ...viewingCommands(messages),
  ...pageCommands,
], chosenMap());
const keys = new Keys(commands);
const refreshButtons = wireButtons(commands);
nameFields();
studio.on(
  "project curve history selection tool mode heard layers takes references library jobs sound presets saved markers channel",
  () => timeline.loop.ask(refreshButtons),
);

/** @param {string} id of a project */
async function open(id) {
  const missed = await session.open(id);
  lookAgain(studio, axis, transport);
  mixer.prepare();
  if (missed) await news.catchUp();
}

news.begin();
const start = async () => {
  const known = getJson("vocabulary").then((vocabulary) => form.know(vocabulary));
  const id = location.hash.slice(1) || (await getJson("status")).open;
  if (!id) projects.show();
  await Promise.all([known, id && open(id)]);
  performance.mark("page-ready");
  document.body.dataset.ready = "true";
};
start().catch((error) => {
  messages.fail(error);
  location.hash = "";
  document.body.dataset.ready = "failed";
});
