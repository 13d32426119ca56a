"""The same jobs on a Ray cluster; skipped where Ray is not installed."""

import logging
import os
from pathlib import Path

import pytest

import folai
from folai import Envelope

pytest.importorskip("pyarrow", reason="results need pyarrow")
ray = pytest.importorskip("ray", reason="Ray is large, and not installed here")

# Without PyTorch a worker starts at once.
OPTIONS = {"engine": "preview", "sound": "wood", "envelope": "env.json"}


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two cores on this machine."""
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.fixture
def season(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("clips").mkdir()
    for number in range(5):
        Path(f"clips/{number}.mp4").write_bytes(clip.read_bytes())
    Path("clips/5.mp4").write_text("no video")
    Envelope.from_hits([0.5, 1.5], 2.5).save("env.json")


def files(out):
    return {path.name: path.read_bytes() for path in Path(out).glob("*.mp4*")}


def test_a_cluster_does_what_a_machine_does(cluster, season, monkeypatch):
    here = folai.batch("clips", "here", workers=1, **OPTIONS)
    there = folai.batch("clips", "there", workers=2, ray="auto", **OPTIONS)
    assert (there.done, there.failed) == (here.done, here.failed) == (5, 1)
    assert there.failures[0] == here.failures[0]
    assert files("there") == files("here") and len(files("here")) == 10
    assert folai.batch("clips", "there", ray="auto", **OPTIONS).skipped == 5
    with pytest.raises(ValueError, match=r"does not see memory://finished; use a folder"):
        folai.batch("clips", "memory://finished", ray="auto", **OPTIONS)
    monkeypatch.setattr(folai, "__version__", "9.9")
    with pytest.raises(ValueError, match=r"has folai [\d.]+, and this is 9.9; install the same"):
        folai.batch("clips", "other", ray="auto", **OPTIONS)


def test_where_no_ray_is(season):
    with pytest.raises(ValueError, match=r"127.0.0.1:9: no Ray is there \(.*\); start one by"):
        folai.batch("clips", "out", ray="127.0.0.1:9", **OPTIONS)
    with pytest.raises(ValueError, match="ray is 'here'; give HOST:PORT, auto, or local"):
        folai.batch("clips", "out", ray="here", **OPTIONS)
    assert not Path("out").exists()
