"""Teaches the small sound model one's own recordings: a low-rank addition to its attention.

    folai train foley --init shipped --library "cloth leather" --out runs/mine
    folai generate clip.mp4 -o out.mp4 --prompt cloth --lora runs/mine/lora.safetensors

The base stays as it is, so that it forgets nothing; the addition (arXiv 2106.09685) is one small
file. The recordings are those that words find in the library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from folai.checkpoints import FOLEY
from folai.data.material import load_material
from folai.data.sequences import Batch, Sequences
from folai.data.sounds import SAMPLE_RATE, Sound
from folai.diffusion.foley_files import load_foley
from folai.diffusion.lora_files import save_foley_lora
from folai.library.index import opened_library
from folai.library.search import Searcher
from folai.media.audio import read_audio, resample
from folai.media.channels import to_mono
from folai.models.lora import add_lora, lora_tensors
from folai.options import check_number
from folai.train import loop, small_model
from folai.train.torchrun import Processes

MOST_FILES = 400  # recordings that are learned from
LONGEST_FILE = 60.0  # seconds of each


@dataclass(frozen=True)
class LoraOptions:
    """How it is learned. Raises ValueError for what is out of range."""

    library: str = ""  # words that find the recordings
    library_file: Path | None = None  # None: the default library
    out: Path = Path("runs/mine")
    cache: Path | None = None
    init: Path = FOLEY
    rank: int = 8
    steps: int = 200
    batch_seconds: float = 16.0  # of targets in a step
    learning_rate: float = 1e-3
    noise_bias: float = 0.5
    seed: int = 0
    threads: int = 1
    log_every: int = 25
    objects: int = 1  # computed ones of each material, which keep it from forgetting

    def __post_init__(self) -> None:
        small_model.check_run(self)
        check_number("rank", self.rank, int, 1, 256)
        if not self.library.strip():
            raise ValueError("no words are given; name what to learn with --library WORDS")


def train_lora(options: LoraOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the file. Raises ValueError where the library has nothing for it."""
    with loop.own_process_state(options.threads):
        return _train(options, log)


def _train(options: LoraOptions, log: Callable[[str], None]) -> Path:
    sounds = library_sounds(options.library, options.library_file)
    log(f"{len(sounds)} recordings, {sum(sound.seconds for sound in sounds) / 60:.1f} min")
    foley = load_foley(options.init)
    device = loop.best_device()
    cache = options.cache or options.out / "cache"
    material = load_material(sounds, foley.autoencoder, cache, log, options.objects)
    sequences = Sequences(material, foley.autoencoder)
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    model = Adapted(foley.dit, foley.conditioner, options.rank, foley.config.objective).to(device)
    optimiser = small_model.make_optimiser(model, options.learning_rate, 0.0)
    parts: loop.Parts = {"model": model, "optimiser": optimiser}
    first = small_model.begin(options.out, parts, model, log)
    feed = loop.feed(partial(sequences.draw, options.batch_seconds), options.seed, first)
    meter = small_model.Losses()
    for step in range(first + 1, options.steps + 1):
        share = loop.cosine(step, options.steps, min(20, options.steps))
        loop.set_rate(optimiser, options.learning_rate * share)
        batch = next(feed).to(device)
        loop.seed_step(options.seed, step)
        t, noise = small_model.draw(batch, options.noise_bias)
        each = small_model.losses_of(model(batch, t, noise), batch, noise, t, model.objective)
        loop.descend(each.mean(), optimiser, model)
        meter.add(small_model.loss_row(t, each))
        small_model.keep(step, options, parts, meter, log, Processes())
    path = options.out / "lora.safetensors"
    notes = loop.notes_of(options, "out", "cache", "init", "library_file")
    save_foley_lora(path, lora_tensors(model.dit), foley.config.dit, notes)
    return path


class Adapted(nn.Module):
    """The base, frozen, with additions of `rank` that are trained."""

    def __init__(self, dit: nn.Module, conditioner: nn.Module, rank: int, objective: str) -> None:
        super().__init__()
        self.objective = objective
        self.conditioner = conditioner.requires_grad_(False)
        self.dit = dit.requires_grad_(False)
        add_lora(self.dit, rank)

    def forward(self, batch: Batch, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """As `folai.train.denoiser.Base`."""
        cond = self.conditioner(batch.reference, batch.is_given, batch.words)
        noisy = small_model.mixed(batch, t, noise, self.objective)
        memory = self.dit.remember(cond.tokens)  # type: ignore[operator]
        duration = torch.full_like(t, batch.duration)
        prediction: torch.Tensor = self.dit(noisy, t, duration, cond.pooled, memory, cond.mask)
        return prediction


def library_sounds(words: str, library: Path | None) -> list[Sound]:
    """What words find in the library, decoded. Raises ValueError where that is nothing."""
    with opened_library(library) as connection:
        hits = Searcher(connection).best_by_words(words, MOST_FILES)
        said = {
            hit.file: connection.execute(
                "SELECT subject FROM texts JOIN files ON files.text = texts.id WHERE files.id = ?",
                (hit.file,),
            ).fetchone()[0]
            for hit in hits
        }
    if not hits:
        raise ValueError(f"the library has nothing for {words!r}; try other words, or add folders")
    return [
        Sound(
            hit.path,
            said[hit.file] or words,
            str(Path(hit.path).parent),
            "train",
            _decoded(hit.path),
        )
        for hit in hits
    ]


def _decoded(path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    wav, rate = read_audio(path, longest=LONGEST_FILE)
    mono = resample(to_mono(wav), rate, SAMPLE_RATE)[0]
    mono = mono / max(float(np.abs(mono).max()), 1e-6) * 0.5
    return np.asarray(np.round(mono * 32767), np.int16)
