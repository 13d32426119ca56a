"""Recordings -> what models at full size are trained on: windows, encoded once, mapped from disk.

A window is a piece of a long recording, or short ones of one label laid after another with pauses.
Beside its latents stand those of its envelope (or its levels, for Stable Audio 3), CLAP's embedding
of what sounds in it, and its label as a prompt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from folai.data.cache import cache_key
from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds, pick_weights, pick_window
from folai.diffusion.conditioning import LEVEL
from folai.envelope import Envelope
from folai.envelope.rms import FRAME_RATE, centred_rms
from folai.media.audio import resample
from folai.stable.control_latents import Codec, encode, encode_control
from folai.stable.prompt_models import Clap
from folai.stable3.control_levels import levels_of
from folai.writing import written_whole

LONGEST_PAUSE = 0.8  # seconds between short recordings

VERSION = 1
"""Raise when the same sounds would give other windows: when this file, `stable.control` or
`stable.text` compute other numbers. The codec counts by its weights."""


@dataclass(frozen=True)
class StableMaterial:
    """N windows: latents and control [N, C, F] fp16, mapped; clap [N, 512] or None; prompts.

    Where levels were asked for, control is [N, F * levels]: RMS over the level of training.
    """

    latents: NDArray[np.float16]
    control: NDArray[np.float16]
    clap: NDArray[np.float32] | None
    prompts: tuple[str, ...]
    no_control: NDArray[np.float32]  # [C, F]; empty for levels
    seconds: float


def encode_material(
    folders: tuple[Path, ...],
    codec: Codec,
    cache: Path,
    *,
    seconds: float,
    count: int,
    clap: Clap | None = None,
    levels: int = 0,
    sounds: list[Sound] | None = None,
    seed: int = 0,
    split: str = "train",
    log: Callable[[str], None] = print,
) -> StableMaterial:
    """`count` windows of the folders' sounds, from `cache` where they were encoded before.

    levels: of the envelope in each latent, which are the control; 0: its latents are. sounds: those
    to take instead of the folders'. Raises ValueError where a folder has no sounds.
    """
    if sounds is None:
        sounds = load_sounds(folders, cache / "sounds", split)
    num_frames = max(1, round(seconds * codec.config.frame_rate))
    source: tuple[object, ...] = ([folder.resolve() for folder in folders], split, len(sounds))
    if not folders:
        source = (*source, *(sound.name for sound in sounds))
    own = (num_frames, count, seed, clap is not None, _fingerprint(codec))
    how = (*own, levels) if levels else own
    stored = cache / f"windows-{cache_key(VERSION, LONGEST_PAUSE, *source, *how)}"
    if not (stored / "prompts.json").is_file():
        _encode(sounds, codec, stored, num_frames, count, clap, levels, seed, log)
    hears = stored / "clap.npy"
    no_control = np.zeros(0, np.float32)
    if not levels:
        no_control = encode_control(codec, None, num_frames)[0].float().numpy()
    return StableMaterial(
        np.load(stored / "latents.npy", mmap_mode="r"),
        np.load(stored / "control.npy", mmap_mode="r"),
        np.load(hears) if hears.is_file() else None,
        tuple(json.loads((stored / "prompts.json").read_text())),
        no_control,
        num_frames / codec.config.frame_rate,
    )


def _encode(
    sounds: list[Sound],
    codec: Codec,
    stored: Path,
    num_frames: int,
    count: int,
    clap: Clap | None,
    levels: int,
    seed: int,
    log: Callable[[str], None],
) -> None:
    """Writes the arrays; the prompts come last and mark the folder as complete."""
    stored.mkdir(parents=True, exist_ok=True)
    rate = codec.config.sample_rate
    num_samples = -(-num_frames * codec.hop_length * SAMPLE_RATE // rate)
    shape = (count, codec.latent_channels, num_frames)
    seen = (count, num_frames * levels) if levels else shape
    latents, control = np.empty(shape, np.float16), np.empty(seen, np.float16)
    heard, prompts = np.empty((count, 512), np.float32), []
    weights = pick_weights(sounds)
    pools: dict[str, list[Sound]] = {}
    for sound in sounds:
        pools.setdefault(sound.label, []).append(sound)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        first = sounds[rng.choice(len(sounds), p=weights)]
        wav = resample(lay_window(first, pools[first.label], num_samples, rng), SAMPLE_RATE, rate)
        wav = wav[:, : num_frames * codec.hop_length]
        wav = wav * np.float32(LEVEL / max(float(centred_rms(wav, rate, 250.0).max()), 1e-4))
        envelope = Envelope(centred_rms(wav, rate), FRAME_RATE)
        latents[index] = encode(codec, wav)[0, :, :num_frames].float()
        if levels:
            control[index] = levels_of(envelope, num_frames, codec.config.frame_rate, levels)
        else:
            control[index] = encode_control(codec, envelope, num_frames)[0].float()
        if clap is not None:
            heard[index] = clap.hear(wav, rate)[0]
        prompts.append(first.label.replace("/", " ").replace("_", " "))
        if (index + 1) % 500 == 0 or index + 1 == count:
            log(f"{index + 1} of {count} windows encoded")
    arrays = {"latents": latents, "control": control}
    for name, array in (arrays | ({"clap": heard} if clap is not None else {})).items():
        with written_whole(stored / f"{name}.npy") as temporary:
            np.save(temporary, array)
    with written_whole(stored / "prompts.json") as temporary:
        temporary.write_text(json.dumps(prompts))


def lay_window(
    first: Sound, pool: list[Sound], num_samples: int, rng: Generator
) -> NDArray[np.float32]:
    """[1, T] at SAMPLE_RATE: a piece of `first`, or it and others of its pool one after another."""
    if len(first.samples) >= num_samples:
        return pick_window(first, num_samples, rng)[None]
    wav = np.zeros(num_samples, np.float32)
    place, sound = int(rng.integers(0, num_samples // 4 + 1)), first
    while place < num_samples:
        piece = sound.wav[: num_samples - place] * np.float32(10 ** (rng.uniform(-12, 0) / 20))
        loudest = max(float(np.abs(piece).max()), 1e-4)
        wav[place : place + len(piece)] += 0.3 * piece / loudest * np.float32(rng.uniform(0.2, 1))
        place += len(piece) + int(rng.uniform(0, LONGEST_PAUSE) * SAMPLE_RATE)
        sound = pool[rng.integers(len(pool))]
    return wav[None]


def _fingerprint(codec: Codec) -> str:
    """Of the codec's weights: windows encoded by another autoencoder are unusable."""
    tensors = codec.state_dict().values()
    sums = [f"{tuple(t.shape)}{float(t.float().sum()):.6g}" for t in tensors]
    return hashlib.sha256(" ".join(sums).encode()).hexdigest()[:12]


def example_seed(*numbers: int) -> torch.Generator:
    """A generator on the CPU that depends on these numbers alone."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))
