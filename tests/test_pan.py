"""Stereo by sight: where it moves in the picture, and how an envelope keeps it."""

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.mapper.features import Pictures
from folai.mapper.places import WIDEST, moving_columns, pan_of
from folai.models.cells import CHANNELS, GRID
from folai.studio import project_envelopes
from folai.studio.envelope_edits import edited
from folai.takes.renewing import level_cut


def placed():
    values = np.linspace(0.1, 0.2, 360).astype(np.float32)
    pan = np.linspace(-0.5, 0.6, 360).astype(np.float32)
    return Envelope(values, 120.0, np.array([0.5, 1.5]), pan=pan)


def moving(columns):
    """Pictures [T] in which one cell moves at each step, in that column (-1: nothing moves)."""
    cells = np.zeros((len(columns), len(CHANNELS), *GRID), np.float16)
    for step, column in enumerate(columns):
        if column >= 0:
            for name in ("change", "lost", "speed"):
                cells[step, CHANNELS.index(name), 6, column] = 2.0
    return Pictures(np.arange(len(columns) + 1) / 30, cells)


def test_an_event_is_heard_where_it_moves():
    pictures = moving([-1] * 20 + [0] * 5 + [-1] * 35 + [15] * 5 + [-1] * 35)
    moments = (pictures.edges[1:] + pictures.edges[:-1]) / 2
    grid = np.arange(400) / 120
    onsets = np.array([0.78, 2.12])
    pan = pan_of(moments, moving_columns(pictures), grid, onsets)
    left, right = pan[round(0.9 * 120)], pan[round(2.2 * 120)]
    assert left == pytest.approx(-WIDEST * 15 / 16, abs=0.02) and right == pytest.approx(
        -left, abs=1e-3
    )
    assert np.abs(pan).max() <= WIDEST and np.abs(np.diff(pan)).max() < 0.15  # smooth
    still = moving_columns(moving([-1] * 100))
    assert not pan_of(moments, still, grid, onsets).any()


def test_a_small_thing_that_hits_outweighs_a_large_one_that_sways():
    pictures = moving([14] * 60)
    speed = CHANNELS.index("speed")
    pictures.cells[:, speed, :, :6] = 0.2
    columns = moving_columns(pictures)
    moments = (pictures.edges[1:] + pictures.edges[:-1]) / 2
    assert pan_of(moments, columns, moments, np.array([1.0]))[30] > 0.75 * WIDEST


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_pan_is_kept_in_files_exactly(tmp_path, suffix):
    placed().save(tmp_path / f"env{suffix}")
    assert Envelope.load(tmp_path / f"env{suffix}") == placed()


def test_edits_keep_pan_or_move_it_with_the_curve():
    envelope = placed()
    for other in (
        envelope.gain(3),
        envelope.smooth(0.01),
        envelope.add_hit(1.0, 0.3),
        envelope.remove_hit(0.5),
        envelope.move_hit(0.5, 0.7),
        envelope.mute(0.2, 0.4),
        envelope.detect_onsets(),
        envelope.with_onsets([1.0]),
    ):
        assert np.array_equal(other.pan, envelope.pan)
    assert envelope.shift(1.0).pan[200] == pytest.approx(envelope.pan[80])
    assert envelope.resample(60.0).pan[60] == pytest.approx(envelope.pan[120])
    moved = envelope.place(1.0, 2.0, -0.25)
    assert moved.pan[180] == pytest.approx(-0.25) and moved.pan[60] == envelope.pan[60]
    assert moved != envelope
    pasted = envelope.gain(0).paste(moved, 1.0, 2.0)
    assert pasted.pan[180] == pytest.approx(-0.25)
    plain = Envelope(envelope.values, 120.0, envelope.onsets)
    assert plain.gain(1).pan is None and plain.placed_as(envelope).pan[7] == envelope.pan[7]
    assert plain.place(0.0, 1.0, 0.5).pan[300] == 0


@pytest.mark.parametrize(
    ("pan", "words"),
    [(np.zeros(3), r"pan has shape \(3,\): give one for each frame, \[360\]"),
     (np.full(360, 1.5), "pan holds 1.5: give -1 to 1")],
)  # fmt: skip
def test_pan_that_cannot_be_meant_is_refused(pan, words):
    with pytest.raises(ValueError, match=words):
        Envelope(placed().values, 120.0, pan=pan)
    with pytest.raises(ValueError, match="pan is 2: must be -1, left, to 1, right"):
        placed().place(0.0, 1.0, 2)


def test_the_studio_keeps_pan(tmp_path):
    envelope = placed()
    project_envelopes.write_npz(tmp_path / "e.npz", envelope)
    assert project_envelopes.read_npz(tmp_path / "e.npz") == envelope
    document = project_envelopes.to_json(envelope)
    assert np.array_equal(project_envelopes.from_json(document).pan, envelope.pan)
    patch = {"first": 10, "values": document["values"][:8], "onsets": [0.5]}
    patch["values"] = project_envelopes.to_json(Envelope(envelope.values[:4], 120.0))["values"]
    assert np.array_equal(project_envelopes.from_json(patch, base=envelope).pan, envelope.pan)
    plain = Envelope(envelope.values, 120.0, envelope.onsets)
    assert project_envelopes.envelope_id(plain) != project_envelopes.envelope_id(envelope)
    assert level_cut(envelope, 1.0, 2.0).pan == pytest.approx(envelope.pan[120:240])
    edits = [{"op": "place", "start": 0.0, "end": 1.0, "pan": 0.5}]
    assert edited(envelope, edits, {}, 3.0).pan[60] == pytest.approx(0.5)
    within = [{"op": "shift", "seconds": 0.5, "region": {"start": 1.0, "end": 2.0}}]
    assert edited(envelope, within, {}, 3.0).pan[10] == envelope.pan[10]
