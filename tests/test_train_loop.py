"""What all trainings share: a feed that fails, the process they leave behind, schedule, runs."""

from __future__ import annotations

import importlib
import itertools
import math
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from folai import train
from folai.checkpoints import save_autoencoder
from folai.data.examples import Example
from folai.data.sounds import Sound
from folai.diffusion.foley import FoleyConfig
from folai.diffusion.foley_files import save_base, save_control
from folai.diffusion.vocabulary import ALL
from folai.mapper.features import Pictures
from folai.media.ahead import prefetched
from folai.media.audio import write_wav
from folai.models.autoencoder import Autoencoder, AutoencoderConfig
from folai.models.cells import CHANNELS, GRID
from folai.models.conditioner import ConditionerConfig
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiTConfig
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper
from folai.stable.model import StableAudio
from folai.stable3.model import Stable3
from folai.train import (
    adapt,
    denoiser,
    full_size_control,
    full_size_loudness,
    leaps,
    loop,
    mapper,
    small_control,
    small_lora,
    sound_decoder,
    stable3_control,
)
from folai.train.full_size_options import StableOptions
from folai.train.stable3_options import Stable3TrainOptions
from stable3_models import random_base as random_stable3
from stable_models import random_base

RATE = 44100  # Hz
CODEC = AutoencoderConfig(latent_channels=16, dim=16, hidden=32, num_blocks=1)
CONFIG = FoleyConfig(
    DiTConfig(latent_channels=16, dim=32, depth=1, num_heads=2, num_cross_heads=2, hidden=32),
    ConditionerConfig(latent_channels=16, dim=256, words=ALL),
)
Log = Callable[[str], None]


# The feed


def failing(after: int) -> Iterator[int]:
    yield from range(after)
    raise OSError("the disk is gone")


@pytest.mark.parametrize("after", [0, 1, 10])
def test_what_a_feed_raises_is_raised_in_the_training(after):
    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in prefetched(failing(after)):
            seen.append(item)
    assert seen == list(range(after)), "what was made before it is used"


def test_a_feed_that_ends_ends():
    assert list(prefetched(iter(range(5)))) == list(range(5))


def fails(*given: object) -> None:
    raise OSError("the disk is gone")


def test_a_training_whose_batches_fail_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(mapper, "load_examples", lambda options, log: [example()])
    monkeypatch.setattr(mapper, "draw_batch", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        mapper.train_mapper(mapper.TrainOptions(out=tmp_path, steps=3), lambda text: None)


def test_a_feed_that_nobody_reads_any_more_ends_its_thread():
    feed = prefetched(itertools.count())
    assert next(feed) == 0
    feed.close()
    ends = time.monotonic() + 5.0
    while any(thread.name == "folai-feed" for thread in threading.enumerate()):
        assert time.monotonic() < ends, "the thread goes on"
        time.sleep(0.02)


# The process


def example() -> Example:
    pictures = Pictures(np.arange(61) / 30, np.zeros((60, len(CHANNELS), *GRID), np.float16))
    return Example("still", (pictures,), (1.0,), np.full(960, 0.1, np.float32), None, 0.0)


def moving() -> Example:
    """Each picture and each level is another."""
    rng = np.random.default_rng(0)
    cells = rng.uniform(0, 1, (60, len(CHANNELS), *GRID)).astype(np.float16)
    rms = rng.uniform(0, 0.5, 960).astype(np.float32)
    return replace(example(), views=(Pictures(np.arange(61) / 30, cells),), rms=rms, exact=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Recordings of one label, and untrained weights."""
    path = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    wav = np.concatenate([np.exp(-np.arange(8820) / 900) * rng.uniform(-1, 1, 8820)] * 3)
    write_wav(path / "all.wav", wav[None], RATE)
    rows = [f"all.wav,{0.2 * index:.1f},0.2,impact/metal,train,me" for index in range(3)]
    columns = "file,start_seconds,seconds,label,split,origin"
    (path / "index.csv").write_text("\n".join([columns, *rows]) + "\n")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_autoencoder(Autoencoder(CODEC), path / "codec.safetensors", {})
        base = denoiser.Base(CONFIG)
        save_base(path / "base.safetensors", base.dit, base.conditioner, CONFIG, {})
        save_control(path / "control.safetensors", ControlNet(ControlConfig(), base.dit), {})
    return path


def recordings() -> list[Sound]:
    """Two hits, as a library holds them."""
    hit = (np.exp(-np.arange(22050) / 900) * 9000).astype(np.int16)
    return [Sound(f"hit{n}.wav", "impact/metal", str(n), "train", hit) for n in range(2)]


def train_mapper(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    options = mapper.TrainOptions(
        out=out,
        steps=steps,
        batch_size=1,
        window=24,
        threads=threads,
        log_every=1,
        realign_at=(0.5,),
    )
    mapper.train_mapper(options, log)


def train_autoencoder(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    options = sound_decoder.AutoencoderOptions(
        data=(folder,),
        out=out,
        config=CODEC,
        steps=steps,
        batch_size=1,
        frames=12,
        threads=threads,
        log_every=1,
    )
    sound_decoder.train_autoencoder(options, log)


def train_foley(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    options = denoiser.TrainOptions(config=CONFIG, **small_run(folder, out, threads, steps))
    denoiser.train_foley(options, log)


def train_control(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    base = folder / "base.safetensors"
    options = small_control.TrainOptions(base=base, **small_run(folder, out, threads, steps))
    small_control.train_control(options, log)


def train_leaps(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    models = {"base": folder / "base.safetensors", "control": folder / "control.safetensors"}
    run = small_run(folder, out, threads, steps)
    leaps.train_leaps(leaps.TrainOptions(**models, **run), log)


def train_lora(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    options = small_lora.LoraOptions(
        library="metal", out=out, cache=folder / "cache", rank=1, steps=steps, batch_seconds=6.0,
        threads=threads, log_every=1,
    )  # fmt: skip
    small_lora.train_lora(options, log)


def small_run(folder: Path, out: Path, threads: int, steps: int) -> dict:
    paths = {"data": (folder,), "out": out, "autoencoder": folder / "codec.safetensors"}
    paths["cache"] = folder / "cache"
    return {**paths, "steps": steps, "batch_seconds": 6.0, "objects": 1, "examples": 0} | {
        "threads": threads,
        "log_every": 1,
    }


def train_stable_control(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    base = random_base()
    stable = StableAudio(base.config, base.dit, base.autoencoder, base.seconds)
    options = StableOptions(
        data=(folder,), out=out, steps=steps, batch_size=1, accumulate=1, windows=2, seconds=0.5,
        clap=None, depth_factor=0.4, threads=threads, log_every=1,
    )  # fmt: skip
    full_size_control.train_stable_control(options, log, stable)


def train_stable3_control(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    base = random_stable3()
    stable = Stable3(base.config, base.dit, base.autoencoder, base.conditioner)
    options = Stable3TrainOptions(
        data=(folder,), out=out, steps=steps, batch_size=1, windows=2, seconds=0.5, light=True,
        lora_rank=2, prompts=False, threads=threads, log_every=1,
    )  # fmt: skip
    stable3_control.train_stable3_control(options, log, stable)


def taught(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    model = RMSMapper(MapperConfig(channels=(8,), dim=16, hidden=8, num_layers=1, num_bins=16))
    options = adapt.AdaptOptions(steps=steps, window=24, threads=threads)
    adapt.taught([model.eval()], [example()], options, lambda share: log(str(share)))


def train_stable3_loudness(folder: Path, out: Path, threads: int, log: Log, steps: int = 1) -> None:
    base = random_stable3()
    options = full_size_loudness.LoudnessOptions(
        data=(folder,), out=out, steps=steps, windows=10, seconds=0.5
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(full_size_loudness, "load_stable3", lambda *_, **__: base)
        full_size_loudness.train_stable3_loudness(options, log)


TRAININGS = {
    run.__name__: run
    for run in (
        train_mapper, train_autoencoder, train_foley, train_control, train_leaps,
        train_lora, train_stable_control, train_stable3_control, train_stable3_loudness, taught,
    )
}  # fmt: skip


def test_every_training_is_tried_here():
    found = set()
    for info in pkgutil.iter_modules(train.__path__):
        module = importlib.import_module(f"folai.train.{info.name}")
        found |= {name for name in vars(module) if name.startswith("train_")}
    assert found - {"train_loudness"} == TRAININGS.keys() - {"taught"}


def stop(text: str) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_leaves_the_process_as_it_was(name, fails, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mapper, "load_examples", lambda options, log: [example()])
    monkeypatch.setattr(small_lora, "library_sounds", lambda words, library: recordings())
    usual = torch.get_num_threads()
    torch.manual_seed(7)
    if name == "taught":  # its model is drawn outside
        RMSMapper(MapperConfig(channels=(8,), dim=16, hidden=8, num_layers=1, num_bins=16))
    if name == "train_stable_control":
        random_base()
    if name.startswith("train_stable3"):
        random_stable3()
    expected = torch.rand(3)
    torch.manual_seed(7)
    run = TRAININGS[name]
    if fails:
        with pytest.raises(KeyboardInterrupt):
            run(folder, tmp_path, usual + 1, stop)
    else:
        run(folder, tmp_path, usual + 1, lambda text: None)
    assert torch.get_num_threads() == usual
    assert torch.equal(torch.rand(3), expected)


def late_and_later(examples: list[Example], *given: object) -> None:
    """In place of `realign`: what is learned depends on the offset from here on."""
    examples[:] = [replace(e, offset=e.offset + 0.1, exact=False) for e in examples]


SHORT = {"taught", "train_stable3_loudness"}  # begun anew after an interruption


@pytest.mark.parametrize("name", sorted(TRAININGS.keys() - SHORT))
def test_a_run_that_was_interrupted_ends_with_the_same_weights(name, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mapper, "load_examples", lambda options, log: [moving()])
    monkeypatch.setattr(mapper, "realign", late_and_later)
    monkeypatch.setattr(small_lora, "library_sounds", lambda words, library: recordings())
    run, steps = TRAININGS[name], 4

    def stop_at_the_last(text: str) -> None:
        if text.split()[:1] == [str(steps)]:  # three are saved
            raise KeyboardInterrupt

    torch.manual_seed(7)  # of the weights that are drawn outside
    run(folder, tmp_path / "whole", 1, lambda text: None, steps)
    torch.manual_seed(7)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "stopped", 1, stop_at_the_last, steps)
    assert not list((tmp_path / "stopped").glob("*.safetensors"))
    torch.manual_seed(7)
    run(folder, tmp_path / "stopped", 1, lambda text: None, steps)
    made = sorted((tmp_path / "whole").glob("*.safetensors"))
    assert made
    for weights in made:
        assert (tmp_path / "stopped" / weights.name).read_bytes() == weights.read_bytes()


# Schedule, average, runs


def test_the_rate_rises_and_falls():
    shares = [loop.cosine(step, 1000, 100) for step in range(1, 1001)]
    assert shares[0] == pytest.approx(0.01, rel=1e-3) and np.argmax(shares) + 1 == 100
    assert shares[-1] == pytest.approx(0.03) and (np.diff(shares[100:]) < 0).all()
    assert loop.cosine(500, 1000, 60) == 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi / 2))


def test_an_average_forgets_where_it_began_and_copies_counts():
    average, weight = torch.zeros(2), torch.ones(2)
    count, now = torch.zeros(1, dtype=torch.long), torch.full((1,), 5)
    for step in range(1, 200):
        loop.average_in([average, count], [weight, now], step, 0.9)
    assert torch.allclose(average, weight, atol=1e-6) and int(count) == 5


def test_a_run_is_put_back_and_another_one_refused(tmp_path):
    path = tmp_path / "last.pt"
    model, tensors = torch.nn.Linear(2, 2), loop.Tensors(a=torch.ones(3))
    assert loop.resume_run(path, {"model": model}) == {"step": 0}
    loop.save_run(path, 4, {"model": model, "tensors": tensors}, offsets={"a": 0.5})
    other, empty = torch.nn.Linear(2, 2), loop.Tensors(a=torch.zeros(3))
    state = loop.resume_run(path, {"model": other, "tensors": empty})
    assert state == {"step": 4, "offsets": {"a": 0.5}}
    assert torch.equal(model.weight, other.weight) and torch.equal(empty["a"], tensors["a"])
    wrong = (
        {"judge": model},
        {"model": torch.nn.Linear(3, 2)},
        {"tensors": loop.Tensors(b=torch.zeros(3))},
        {"tensors": loop.Tensors(a=torch.zeros(4))},
    )
    for parts in wrong:
        with pytest.raises(ValueError, match="trained something else; give another --out"):
            loop.resume_run(path, parts)


def test_notes_hold_no_paths_and_counts_are_checked(tmp_path):
    options = mapper.TrainOptions(out=tmp_path, realign_at=(0.5,))
    notes = loop.notes_of(options, "data", "out", "cache", "init")
    assert notes["realign_at"] == [0.5] and "out" not in notes
    with pytest.raises(ValueError, match="log_every is 0; give 1 or more"):
        replace(options, log_every=0)
