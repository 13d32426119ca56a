"""Trains a tiny model of Stable Audio 3's kind and compares three ways for an envelope to rule it.

    python benchmarks/tiny_stable3.py --data ../shared/sfx --out runs/tiny-stable3
    python benchmarks/tiny_stable3.py --data ../shared/sfx --out runs/tiny-stable3 --int8

Architecture, objective and sampling are those of the full size, and so is the rate of the latents:
8 frames of the small model's autoencoder, side by side, are one latent, 10.8 a second. It is told
no words, and fills gaps for half of its examples. The ways: (a) audio to audio from the preview;
(b) silence is kept between hits; (c) guidance by loudness, read off latents or drawn through the
codec (--ways chooses by parts of their names). Then, with --adapter, a ControlNet and a
light control are trained beside the frozen base, stopped and resumed every so many steps.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from folai.checkpoints import load_autoencoder
from folai.data.sounds import SAMPLE_RATE, load_sounds
from folai.data.stable_material import lay_window
from folai.diffusion.conditioning import LEVEL
from folai.envelope import Envelope
from folai.envelope.rms import FRAME_RATE, centred_rms
from folai.metrics.log_mel import log_mel_difference
from folai.models.int8 import to_int8, use_int8
from folai.models.same import SameConfig
from folai.models.stable3_conditioner import Stable3Conditioner, Stable3ConditionerConfig
from folai.models.stable3_dit import Stable3DiT, Stable3DiTConfig
from folai.preview.lay import lay
from folai.stable3.base_files import Stable3Base
from folai.stable3.control_files import load_control
from folai.stable3.gaps import sounding
from folai.stable3.model import Stable3
from folai.stable3.model_config import Stable3Config
from folai.stable3.steering import LoudnessConfig, train_loudness, wanted_levels
from folai.train.stable3_control import train_stable3_control
from folai.train.stable3_options import Stable3TrainOptions

PACK = 8  # frames of the small model's autoencoder that make one latent
FRAMES = 24  # latents of a window, 2.2 s
CONFIG = Stable3Config(
    Stable3DiTConfig(
        latent_channels=96 * PACK, dim=256, depth=4, num_heads=4, hidden=768, cond_token_dim=64,
        global_dim=64, front_tokens=4,
    ),
    SameConfig(latent_channels=96 * PACK),  # stands for the other, in config alone
    Stable3ConditionerConfig(text_dim=64, dim=64, text_length=16),
    distilled=False,
)  # fmt: skip


class Packed(torch.nn.Module):
    """The small model's autoencoder at the rate of SAME."""

    channels, latent_channels = 1, 96 * PACK

    def __init__(self) -> None:
        super().__init__()
        self.inner = load_autoencoder()
        self.hop_length = self.inner.hop_length * PACK
        self.config = replace(CONFIG.autoencoder)

    def encode(self, wav, chunk=None):
        latents = self.inner.encode(wav)
        count = -(-wav.shape[-1] // self.hop_length)
        latents = torch.nn.functional.pad(latents, (0, max(0, count * PACK - latents.shape[-1])),
                                          mode="replicate")[..., : count * PACK]  # fmt: skip
        parts = latents.reshape(len(latents), 96, count, PACK)
        return parts.transpose(2, 3).reshape(len(latents), 96 * PACK, count)

    def decode(self, latents, chunk=None):
        count = latents.shape[-1]
        parts = latents.reshape(len(latents), 96, PACK, count).transpose(2, 3)
        return self.inner.decode(parts.reshape(len(latents), 96, PACK * count))


@dataclass
class Windows:
    latents: torch.Tensor  # [N, C, F]
    levels: torch.Tensor  # [N, F * per latent]


def make_windows(data: Path, cache: Path, codec: Packed, split: str, count: int) -> tuple:
    """(windows, (envelope, sound) of each)."""
    sounds = load_sounds([data], cache / "sounds", split)
    of = LoudnessConfig(96 * PACK, codec.hop_length, SAMPLE_RATE)
    latents, levels, tasks = [], [], []
    for index in range(count):
        rng = np.random.default_rng([77 if split == "val" else 5, index])
        first = sounds[rng.integers(len(sounds))]
        pool = [sound for sound in sounds if sound.label == first.label]
        wav = lay_window(first, pool, FRAMES * codec.hop_length, rng)
        wav = wav * np.float32(LEVEL / max(centred_rms(wav, SAMPLE_RATE, 250.0).max(), 1e-6))
        envelope = Envelope.from_audio(wav, SAMPLE_RATE)
        with torch.inference_mode():
            latents.append(codec.encode(torch.from_numpy(wav)[None])[0].half())
        levels.append(wanted_levels(of, envelope, FRAMES)[0])
        tasks.append((envelope, wav))
    return Windows(torch.stack(latents), torch.stack(levels)), tasks


def train(windows: Windows, steps: int, batch: int = 16) -> tuple[Stable3DiT, Stable3Conditioner]:
    torch.manual_seed(0)
    dit, conditioner = Stable3DiT(CONFIG.dit), Stable3Conditioner(CONFIG.conditioner)
    for block in dit.blocks:  # as published: branches begin as nothing
        for layer in (block.attention.outward, block.cross.outward, block.wide.narrow):
            torch.nn.init.zeros_(layer.weight)
    for layer in (dit.prepare, dit.finish):
        torch.nn.init.zeros_(layer.weight)
    average = {name: p.detach().clone() for name, p in dit.named_parameters()}
    optimizer = torch.optim.AdamW(dit.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=1e-3)
    began = time.process_time()
    tokens, counts = conditioner.text(torch.zeros(1, 0, 64))
    with torch.no_grad():
        seconds = conditioner.duration(torch.tensor([2.2]))
        tokens = torch.cat([tokens, seconds[:, None]], 1).expand(batch, -1, -1)
        bias = torch.cat([counts, torch.ones(1, 1)], 1).log().expand(batch, -1)
    for step in range(steps):
        clean = windows.latents[torch.randint(len(windows.latents), (batch,))].float()
        keeps = torch.zeros(batch, 1, FRAMES)
        for row in range(batch // 2):
            for _ in range(2):
                start, length = torch.randint(FRAMES, ()), torch.randint(2, 12, ())
                keeps[row, :, start : start + length] = 1
        noise = torch.randn_like(clean)
        t = torch.sigmoid(1.2 * torch.randn(batch) + 0.4)
        noisy = clean + t[:, None, None] * (noise - clean)
        hearing = dit.hear(tokens, bias, torch.cat([keeps, keeps * clean], 1))
        said = dit(noisy, t, seconds.expand(batch, -1), hearing)
        loss = (said - (noise - clean)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dit.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 50) * (1 - 0.9 * step / steps)
        optimizer.step()
        with torch.no_grad():
            for name, p in dit.named_parameters():
                average[name].lerp_(p, 0.02)
        if step % 50 == 0:
            print(
                f"step {step} loss {loss:.3f}, {time.process_time() - began:.0f} CPU s", flush=True
            )
    dit.load_state_dict(average)
    return dit.requires_grad_(False).eval(), conditioner.requires_grad_(False)


def correlation(envelope: Envelope, wav: np.ndarray) -> float:
    made = centred_rms(wav, SAMPLE_RATE, FRAME_RATE)
    asked = envelope.at(np.arange(len(made)) / FRAME_RATE)
    if made.std() < 1e-9 or asked.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(made, asked)[0, 1])


def impulse_errors(make, seeds: int = 8) -> list[float]:
    """Seconds between where a hit is asked for and where its rise is, for single hits."""
    errors = []
    for seed in range(seeds):
        at = 0.6 + 0.0937 * seed
        envelope = Envelope.from_hits([at], 2.0)
        wav = make(envelope, seed)
        rate = 1000.0
        made = centred_rms(wav, SAMPLE_RATE, rate)
        asked = envelope.at(np.arange(len(made)) / rate)
        lags = range(-150, 151)
        scores = [np.corrcoef(np.roll(made, -lag), asked)[0, 1] for lag in lags]
        errors.append(abs(lags[int(np.argmax(scores))]) / rate)
    return errors


def ways(stable: Stable3) -> dict:
    """name -> make(envelope, reference, seed): a sound [T]."""
    given = {"duration": FRAMES * PACK * 512 / SAMPLE_RATE, "num_steps": 20, "envelope_lock": 0.0}

    def make(envelope, reference, seed, strength=1.0, keep=False, read=False, relevel=0, scale=1.0):
        asked = {**given, "relevel": relevel, "control_scale": scale}
        if strength < 1 or keep:
            wav = lay(envelope, reference=reference, sample_rate=SAMPLE_RATE, seed=seed)
            if strength < 1:
                asked |= {"init_wav": wav, "init_strength": strength}
            if keep:
                asked |= {"kept_wav": wav, "gaps": sounding(envelope)}
        own = stable if read else replace(stable, loudness=None)
        return own.generate(envelope, **asked, seed=seed)[0]

    def way(**options):
        return lambda envelope, reference, seed: make(envelope, reference, seed, **options)

    return {
        "nothing": way(),
        "a, strength 0.3": way(strength=0.3),
        "a, strength 0.5": way(strength=0.5),
        "a, strength 0.7": way(strength=0.7),
        "b": way(keep=True),
        "b from the preview, 0.7": way(keep=True, strength=0.7),
        "c by a reader": way(read=True),
        "c by a reader, b, from the preview, 0.7": way(read=True, keep=True, strength=0.7),
        "c by the codec, 1": way(relevel=1),
        "c by the codec, 2": way(relevel=2),
        "c by the codec, 5": way(relevel=5),
        "c by the codec, 5, half as strictly": way(relevel=5, scale=0.5),
        "c by the codec, 2, from the preview, 0.7": way(relevel=2, strength=0.7),
        "b, c by the codec, 2": way(relevel=2, keep=True),
    }


def report(stable: Stable3, tasks: list, out: Path, chosen: list[str]) -> None:
    click = tasks[0][1]
    found = {}
    for name, make in ways(stable).items():
        if chosen and not any(part in name for part in chosen):
            continue
        correlations = [correlation(e, make(e, w, seed)) for seed, (e, w) in enumerate(tasks)]
        errors = impulse_errors(lambda e, seed, make=make: make(e, click, seed))
        found[name] = {
            "correlation": float(np.mean(correlations)),
            "impulse error ms, mean": 1000 * float(np.mean(errors)),
            "impulse error ms, largest": 1000 * float(np.max(errors)),
        }
        print(name, {key: round(value, 2) for key, value in found[name].items()}, flush=True)
    (out / "report.json").write_text(json.dumps(found, indent=2))


def adapters(stable: Stable3, tasks: list, data: Path, out: Path, steps: list[int]) -> None:
    """Trains both kinds of control, and measures them after each number of steps."""
    found = {}
    given = {"duration": FRAMES * PACK * 512 / SAMPLE_RATE, "num_steps": 20, "envelope_lock": 0.0}
    for name, options in ADAPTERS.items():
        for count in steps:
            began, lines = time.process_time(), []
            path = train_stable3_control(
                Stable3TrainOptions(
                    data=(data,), out=out / name, cache=out / "cache", prompts=False, gaps=0.0,
                    seconds=given["duration"], windows=1200, batch_size=8, steps=count,
                    log_every=25, ema=0.98, checkpointing=False, **options,
                ),
                lines.append,
                copy.deepcopy(stable),
            )  # fmt: skip
            spent = time.process_time() - began
            with torch.device("meta"):
                base = Stable3Base(CONFIG)
            base.dit = copy.deepcopy(stable.dit)
            steered = replace(stable, dit=base.dit, control=load_control(path, base), loudness=None)

            def make(envelope, seed, scale=1.0, steered=steered):
                wavs = steered.generate(envelope, **given, control_scale=scale, seed=seed)
                return wavs[0]

            row = {
                "correlation": mean_correlation(tasks, make),
                "impulse error ms, largest": 1000 * max(impulse_errors(make, 4)),
                "CPU s": spent,
            }
            if lines[-1].split()[0].isdigit():  # not a run that was there already
                row["loss"] = float(lines[-1].split()[1])
            if count == steps[-1]:
                for scale in (0.0, 0.5):
                    row[f"at scale {scale}"] = mean_correlation(
                        tasks, lambda envelope, seed, s=scale, make=make: make(envelope, seed, s)
                    )
            found[f"{name}, {count} steps"] = row
            print(name, count, {key: round(value, 2) for key, value in row.items()}, flush=True)
            (out / "adapters.json").write_text(json.dumps(found, indent=2))


ADAPTERS = {
    "controlnet": {"depth_factor": 1.0, "learning_rate": 2e-3},
    "light": {"light": True, "learning_rate": 2e-3},
}


def mean_correlation(tasks: list, make) -> float:
    return float(np.mean([correlation(e, make(e, seed)) for seed, (e, _) in enumerate(tasks)]))


def in_eight_bits(dit: Stable3DiT) -> Stable3DiT:
    """The same denoiser with whole numbers of eight bits in its blocks."""
    small = copy.deepcopy(dit)
    layers = dict(dit.blocks.named_modules())
    for name in use_int8(small.blocks):
        layer = small.blocks.get_submodule(name)
        layer.weight, layer.scale = to_int8(layers[name].weight)
        layer.bias = layers[name].bias
    return small


def compare_eight_bits(stable: Stable3, tasks: list) -> None:
    """Prints how far takes in int8 are from those in fp32, the same noise and number of steps."""
    small = replace(stable, dit=in_eight_bits(stable.dit))
    for strength in (0.5, 1.0):
        differences = []
        for seed, (envelope, wav) in enumerate(tasks):
            given = {"duration": envelope.duration, "num_steps": 20, "seed": seed}
            given |= {"init_wav": wav, "init_strength": strength}
            takes = [model.generate(envelope, **given)[0, 0] for model in (small, stable)]
            differences.append(log_mel_difference(*takes))
        mean, most = np.mean(differences), np.max(differences)
        print(
            f"int8, strength {strength}: {mean:.2f} dB of log-mel, {most:.2f} at most", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/tiny-stable3"))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--windows", type=int, default=800)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--ways", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--adapter", type=int, nargs="*", metavar="STEPS", help="trained instead")
    parser.add_argument("--int8", action="store_true", help="compare takes in int8 instead")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    codec, stored = Packed(), parsed.out / "trained.pt"
    parsed.out.mkdir(parents=True, exist_ok=True)
    _, tasks = make_windows(parsed.data, parsed.out / "cache", codec, "val", parsed.tasks)
    if not stored.is_file():
        windows, _ = make_windows(parsed.data, parsed.out / "cache", codec, "train", parsed.windows)
        print("windows made", flush=True)
        of = LoudnessConfig(96 * PACK, codec.hop_length, SAMPLE_RATE)
        loudness = train_loudness(of, windows.latents, windows.levels, steps=600)
        print("loudness learned", flush=True)
        dit, conditioner = train(windows, parsed.steps)
        torch.save((dit, conditioner, loudness), stored)
    dit, conditioner, loudness = torch.load(stored, weights_only=False)
    stable = Stable3(CONFIG, dit, codec, conditioner, loudness=loudness)
    if parsed.int8:
        compare_eight_bits(replace(stable, loudness=None), tasks)
    elif parsed.adapter is None:
        report(stable, tasks, parsed.out, parsed.ways)
    else:
        steps = parsed.adapter or [125, 250, 500, 1000]
        adapters(stable, tasks, parsed.data, parsed.out, steps)


if __name__ == "__main__":
    main()
