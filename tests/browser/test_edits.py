"""The envelope's edits as the page does them: exact undo, and the same as `folai.Envelope`."""

import numpy as np

from driving import open_studio
from folai.envelope import Envelope

RANDOM_EDITS = """async ({seed, count}) => {
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
}"""


def test_undo_of_all_returns_the_exact_first_state(page, server):
    """200 random sequences of edits, drafts, undo and redo, compared bit by bit."""
    open_studio(page, server)
    steps = [page.evaluate(RANDOM_EDITS, {"seed": seed, "count": 12}) for seed in range(1, 201)]
    assert [step for step in steps if isinstance(step, str)] == []
    assert sum(steps) > 1000


EDITS = {
    "add": ("addHit(c, 0.503, 0.4)", lambda e: e.add_hit(0.503, 0.4)),
    "remove": ("removeHit(c, 1)", lambda e: e.remove_hit(float(e.onsets[1]))),
    "move": ("moveHit(c, 1, 1.237)", lambda e: e.move_hit(float(e.onsets[1]), 1.237)),
    "scale": (
        "scaleRegion(c, {start: 0.4, end: 1.1}, -7)",
        lambda e: e.scale_region(0.4, 1.1, -7.0),
    ),
    "mute": ("muteRegion(c, {start: 0.4, end: 1.1})", lambda e: e.mute(0.4, 1.1)),
    "smooth": ("smoothRegion(c, {start: -9, end: 99}, 0.03)", lambda e: e.smooth(0.03)),
    "shift": ("shiftRegion(c, {start: -9, end: 99}, 0.1037)", lambda e: e.shift(0.1037)),
    "snap": (
        "snapHits(c, {start: 0, end: 9}, [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2], 0.05)",
        lambda e: e.snap(0.25, 0.05),
    ),
}


APPLY = """async ({values, onsets}) => {
  const {addHit, moveHit, removeHit} = await import("/static/envelope/hits.js");
  const {scaleRegion, muteRegion, smoothRegion, shiftRegion, snapHits} =
    await import("/static/envelope/regions.js");
  const {swap} = await import("/static/envelope/curve.js");
  const c = {values: Float32Array.from(values), rate: 120, onsets: Float64Array.from(onsets)};
  swap(c, %s);
  return {values: Array.from(c.values), onsets: Array.from(c.onsets)};
}"""


def test_the_page_edits_as_the_library_does(page, server):
    open_studio(page, server)
    hits = [(0.26, 0.5), (0.71, 0.9), (1.5, 0.2), (1.73, 0.7)]
    before = Envelope.from_hits(hits, 2.0)
    curve = {"values": before.values.tolist(), "onsets": before.onsets.tolist()}
    for name, (script, edit) in EDITS.items():
        expected = edit(before)
        got = page.evaluate(APPLY % script, curve)
        assert np.abs(np.array(got["values"]) - expected.values).max() < 2e-6, name
        assert np.allclose(got["onsets"], expected.onsets, atol=1e-9), name
