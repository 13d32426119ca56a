"""The envelope's edits as the page does them: exact undo, and the same as `folai.Envelope`."""

import numpy as np
from driving import open_studio, script

from folai.envelope import Envelope

RANDOM_EDITS = script("random_edits")


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
    for name, (call, edit) in EDITS.items():
        expected = edit(before)
        got = page.evaluate(APPLY % call, curve)
        assert np.abs(np.array(got["values"]) - expected.values).max() < 2e-6, name
        assert np.allclose(got["onsets"], expected.onsets, atol=1e-9), name
