"""A prediction that is looked at while it is made, stopped, and gone on with."""

import numpy as np
import pytest

from folai.mapper import glimpses
from folai.mapper.glimpses import Watcher, changes_of
from folai.pipeline import predict_envelope
from folai.render import random_scene, write_clip
from folai.studio.cuts import find_cuts


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "blows.mp4"
    write_clip(random_scene(3, kind="strike", duration=5.1), path, size=(160, 96), exposures=1)
    return path


def test_a_prediction_is_the_same_looked_at_stopped_and_gone_on_with(clip, tmp_path, monkeypatch):
    for name, frames in (("KEPT", 60), ("FIRST", 45), ("LATER", 60)):
        monkeypatch.setattr(glimpses, name, frames)
    plain = predict_envelope(clip)
    pieces, folder = [], tmp_path / "watched"
    watched = predict_envelope(clip, watcher=Watcher(pieces.append, folder))
    assert np.array_equal(watched.values, plain.values)
    assert np.array_equal(watched.onsets, plain.onsets)
    # The pieces follow one another from the start on, and are nearly what is predicted at last.
    assert [piece.first for piece in pieces[1:]] == np.cumsum(
        [len(piece.values) for piece in pieces]
    ).tolist()[:-1]
    so_far = np.concatenate([piece.values for piece in pieces])
    assert np.corrcoef(so_far, plain.values[: len(so_far)])[0, 1] > 0.95
    (folder / "whole").unlink()
    for path in sorted(folder.glob("*.np*"))[2:]:
        path.unlink()
    gone_on = predict_envelope(clip, watcher=Watcher(folder=folder))
    assert np.abs(gone_on.values - plain.values).max() < 1e-4
    monkeypatch.setattr("folai.media.clip.Clip.frames", None)  # nothing is watched again
    again = predict_envelope(clip, watcher=Watcher(folder=folder), expect="hits")
    assert len(again.onsets) == len(plain.onsets)
    times, changes = changes_of(folder)
    assert len(times) == len(changes) == round(5.1 * 30) and find_cuts(folder) == []


def test_a_cut_is_found(tmp_path):
    """Among pictures that differ a little, one that differs much."""
    changes = np.full(90, 2.0)
    changes[40], changes[60:66] = 40.0, 30.0  # a cut; something that moves fast for a while
    np.savez(tmp_path / "0000000.npz", times=np.arange(91) / 30, changes=changes)
    assert find_cuts(tmp_path) == pytest.approx([41 / 30])
