// Edits the envelope again and again; returns ms from letting go to the sound of each.
async (count) => {
  const {addHit} = await import("/static/envelope/hits.js");
  const times = [];
  await folai.player.context.resume();
  folai.studio.hearEdits = true;
  for (let n = 0; n < count; n++) {
    performance.clearMeasures("edit-to-preview");
    const at = 0.3 + ((n * 0.37) % (folai.studio.duration - 1));
    folai.studio.draft((curve) => addHit(curve, at, 0.5));
    folai.studio.commitDraft("hit");
    const until = performance.now() + 8000;
    while (!performance.getEntriesByName("edit-to-preview").length && performance.now() < until) {
      await new Promise((done) => setTimeout(done, 5));
    }
    times.push(performance.getEntriesByName("edit-to-preview")[0].duration);
    await new Promise((done) => setTimeout(done, 150));
  }
  return times;
}
