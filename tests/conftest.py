"""One thread, and clips that many tests look at."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: tests share two cores
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pathlib import Path

import numpy as np
import pytest

from folai.media.audio import write_wav
from folai.render import Scene, random_scene, write_clip

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--half", type=int, choices=(1, 2), help="every other file of tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    half = config.getoption("--half")
    files = {path: n for n, path in enumerate(dict.fromkeys(item.path for item in items))}
    if half:
        others = [item for item in items if files[item.path] % 2 != half - 1]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if files[item.path] % 2 == half - 1]


@pytest.fixture(scope="session")
def scene() -> Scene:
    return random_scene(3, kind="strike", duration=2.5)


@pytest.fixture(scope="session")
def clip(scene, tmp_path_factory) -> Path:
    """A silent clip of 2.5 s whose contacts are `scene.onsets`."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(scene, path, size=(172, 128))
    return path


@pytest.fixture(scope="session")
def hit(tmp_path_factory) -> Path:
    """A reference: two short blows, 44.1 kHz mono."""
    path = tmp_path_factory.mktemp("sounds") / "hit.wav"
    time = np.arange(round(0.4 * 44100)) / 44100
    noise = np.random.default_rng(0).uniform(-1, 1, time.size)
    blow = np.exp(-time / 0.03) * noise
    write_wav(path, np.concatenate([0.3 * blow, 0.8 * blow]).astype(np.float32)[None], 44100)
    return path


@pytest.fixture(scope="session")
def studio(clip, tmp_path_factory):
    """(client, studio): a client that is let in, to a studio with `clip` opened."""
    from studio_clients import opened

    with opened(tmp_path_factory.mktemp("projects"), clip) as served:
        yield served


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """The folder of real clips, which is no part of the repository."""
    folder = ROOT.parent / "shared" / "clips"
    if not (folder / "clips.csv").is_file():
        pytest.skip("the real clips are not here: expected them in ../shared/clips")
    return folder
