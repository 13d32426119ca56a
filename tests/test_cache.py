"""What decides whether a cached result is computed again: versions and parameters, not source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import folai
from folai.data import alignment, cache, clips, guises, other_cameras, rendered_clips
from folai.evaluate.sounds import measure as measuring
from folai.evaluate.sounds.measure import MeasureOptions
from folai.evaluate.sounds.pairs import Pair

KEYS = """
from pathlib import Path
from folai.data.clips import clip_key
from folai.data.rendered_clips import scenes_key
from folai.evaluate.sounds import measure
from folai.evaluate.sounds.pairs import Pair
path = Path({path!r})
print(clip_key(path), scenes_key(), measure._key(Pair("a", path, path), measure.MeasureOptions()))
"""


def keys_of(source: Path, path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    code = [sys.executable, "-c", KEYS.format(path=str(path))]
    done = subprocess.run(code, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_comment_in_the_source_leaves_every_cache_good(tmp_path):
    package = Path(folai.__file__).parent
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a clip")
    skipped = shutil.ignore_patterns("static", "__pycache__", "*.safetensors")
    shutil.copytree(package, tmp_path / "folai", ignore=skipped)
    for file in (tmp_path / "folai").rglob("*.py"):
        file.write_text(file.read_text() + "\n# a comment\n")
    assert keys_of(tmp_path, path) == keys_of(package.parent, path)


@pytest.mark.parametrize("module", [clips, guises, rendered_clips])
def test_a_raised_version_invalidates_rendered_clips(module, monkeypatch):
    before = rendered_clips.scenes_key()
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert rendered_clips.scenes_key() != before


def test_another_parameter_or_file_invalidates(tmp_path, monkeypatch):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a clip")
    pair = Pair("a", path, path)
    found = {clips.clip_key(path), measuring._key(pair, MeasureOptions())}
    found.add(measuring._key(pair, MeasureOptions(piece=2.0)))
    with monkeypatch.context() as changed:
        changed.setattr(clips, "PARAMETERS", (*clips.PARAMETERS[:-1], ("other channels",)))
        found.add(clips.clip_key(path))
    path.write_bytes(b"another clip")
    found |= {clips.clip_key(path), measuring._key(pair, MeasureOptions())}
    assert len(found) == 6


def test_every_version_says_when_to_raise_it():
    for module in (alignment, clips, guises, rendered_clips, measuring):
        source = Path(module.__file__).read_text().partition("\nVERSION = ")[2]
        assert "aise when" in source[:200], module.__name__


def test_damaged_arrays_are_computed_again(tmp_path):
    stored, made = tmp_path / "a.npz", []

    def compute():
        made.append(1)
        return {"x": np.arange(3)}

    for content in (None, b"", b"no archive"):
        if content is not None:
            stored.write_bytes(content)
        assert cache.cached_arrays(stored, compute)["x"].tolist() == [0, 1, 2]
    assert len(made) == 3
    cache.cached_arrays(stored, compute)
    assert len(made) == 3 and other_cameras.VERSION == guises.VERSION
