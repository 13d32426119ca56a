// A random sequence of edits; undo of all has to return the exact first state.
// Returns how many steps that took, or what is wrong.
async ({seed, count}) => {
  const {addHit, moveHit, moveHits, removeHit} = await import("/static/envelope/hits.js");
  const R = await import("/static/envelope/regions.js");
  const {copyCurve} = await import("/static/envelope/curve.js");
  const {studio} = folai;
  let state = seed;
  const random = () => ((state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32);
  const time = () => random() * studio.duration;
  const region = () => {
    const [a, b] = [time(), time()].sort((x, y) => x - y);
    return {start: a, end: b + 0.01};
  };
  const any = (curve) => Math.floor(random() * curve.onsets.length);
  const edits = [
    (c) => addHit(c, time(), random()),
    (c) => c.onsets.length ? removeHit(c, any(c)) : addHit(c, time(), 0.5),
    (c) => c.onsets.length ? moveHit(c, any(c), time(), 2 * random()) : addHit(c, time(), 1),
    (c) => R.scaleRegion(c, region(), 24 * random() - 12),
    (c) => R.muteRegion(c, region()),
    (c) => R.smoothRegion(c, region(), 0.05 * random()),
    (c) => R.shiftRegion(c, region(), 2 * random() - 1, 6 * random() - 3),
    (c) => R.restoreRegion(c, studio.ghost.curve, region()),
    (c) => R.pasteClip(c, R.copyRegion(c, region()), time()),
    (c) => R.snapHits(c, region(), studio.frames),
    (c) => R.nudgeLevel(c, region(), 2 * random() - 1),
    (c) => R.drawStroke(c, Array.from({length: 8}, () => ({time: time(), level: random(), strength: random()}))),
  ];
  const same = (a, b) => a.values.every((v, i) => Object.is(v, b.values[i])) &&
    a.onsets.length === b.onsets.length && a.onsets.every((t, i) => Object.is(t, b.onsets[i]));
  studio.hearEdits = false;
  const first = copyCurve(studio.curve);
  const depth = studio.history.depth;
  const states = [];
  for (let n = 0; n < count; n++) {
    const edit = edits[Math.floor(random() * edits.length)];
    if (random() < 0.2) studio.draft(edit);  // a drag that is given up leaves nothing
    if (random() < 0.5) studio.cancelDraft();
    if (random() < 0.15) studio.undo();
    else if (random() < 0.1) studio.redo();
    else studio.edit(edit, "random");
    const ok = studio.curve.values.every((v) => Number.isFinite(v) && v >= 0) &&
      studio.curve.onsets.every((t, i, all) => t >= 0 && t <= studio.duration && (!i || all[i - 1] <= t));
    if (!ok) return `invalid after edit ${n}`;
  }
  studio.cancelDraft();
  const last = copyCurve(studio.curve);
  let steps = 0;
  while (studio.history.depth > depth) { studio.undo(); steps++; }
  if (!same(studio.curve, first)) return "undo of all differs from the first state";
  for (let n = 0; n < steps; n++) studio.redo();
  if (!same(studio.curve, last)) return "redo of all differs from the last state";
  while (studio.history.depth > depth) studio.undo();
  return same(studio.curve, first) ? steps : "second undo differs";
}
