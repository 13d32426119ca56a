"""Trains a tiny Stable Audio model for minutes and measures how its sounds follow envelopes.

    python benchmarks/tiny_stable.py --data ../shared/sfx --out runs/tiny-stable

The architecture, the recipe and the sampling are those of the full size; the published weights
cannot be had on a build machine, so base and ControlNet begin at random, together, and sound
becomes latents by the small model's autoencoder. After each quarter the run is stopped and resumed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from folai.checkpoints import load_autoencoder
from folai.data.sounds import SAMPLE_RATE, load_sounds
from folai.data.stable_material import lay_window
from folai.diffusion.conditioning import LEVEL
from folai.envelope import Envelope
from folai.envelope.rms import FRAME_RATE, centred_rms
from folai.media.audio import resample
from folai.models.oobleck import OobleckConfig
from folai.models.seconds import Seconds, SecondsConfig
from folai.models.stable_dit import StableDiT, StableDiTConfig
from folai.preview.lay import lay
from folai.stable.control_files import load_control
from folai.stable.model import StableAudio
from folai.stable.model_config import StableConfig
from folai.train.full_size_control import train_stable_control
from folai.train.full_size_options import StableOptions

SECONDS = 2.0
CONFIG = StableConfig(
    StableDiTConfig(
        latent_channels=96, dim=128, depth=4, num_heads=4, cond_token_dim=64, cond_dim=64,
        global_dim=128,
    ),
    OobleckConfig(latent_channels=96),  # stands for the small model's, in config alone
    SecondsConfig(dim=64),
    window=1024,
)  # fmt: skip


def fresh() -> StableAudio:
    torch.manual_seed(0)
    return StableAudio(CONFIG, StableDiT(CONFIG.dit), load_autoencoder(), Seconds(CONFIG.seconds))


def trained(options: StableOptions) -> StableAudio:
    stable = fresh()
    stable.dit.load_state_dict(load_file(options.out / "dit.safetensors"))
    net = load_control(options.out / "control.safetensors", CONFIG)
    return StableAudio(CONFIG, stable.dit.eval(), stable.autoencoder, stable.seconds, net)


def held_out(data: Path, cache: Path, count: int) -> list[tuple[Envelope, np.ndarray]]:
    """(envelope of a window of held-out recordings, one of its recordings) each."""
    sounds = load_sounds([data], cache / "sounds", "val")
    tasks = []
    for index in range(count):
        rng = np.random.default_rng([77, index])
        first = sounds[rng.integers(len(sounds))]
        pool = [sound for sound in sounds if sound.label == first.label]
        wav = lay_window(first, pool, round(SECONDS * SAMPLE_RATE), rng)
        wav = wav * np.float32(LEVEL / centred_rms(wav, SAMPLE_RATE, 250.0).max())
        tasks.append((Envelope.from_audio(wav, SAMPLE_RATE), wav))
    return tasks


def correlation(envelope: Envelope, wav: np.ndarray, rate: int) -> float:
    made = centred_rms(resample(wav, rate, SAMPLE_RATE), SAMPLE_RATE, FRAME_RATE)
    asked = envelope.at(np.arange(len(made)) / FRAME_RATE)
    if made.std() < 1e-9 or asked.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(made, asked)[0, 1])


def measure(stable: StableAudio, tasks: list, **options: object) -> float:
    """Mean correlation of the made sounds' envelopes with those asked for, nothing locked."""
    given = {"duration": SECONDS, "num_steps": 20, "cfg_scale": 1.0, "envelope_lock": 0.0}
    found = []
    for index, (envelope, wav) in enumerate(tasks):
        if "init_strength" in options:
            options["init_wav"] = lay(envelope, reference=wav, sample_rate=SAMPLE_RATE, seed=index)
        made = stable.generate(envelope, **given, **options, seed=index)[0]
        found.append(correlation(envelope, made, stable.sample_rate))
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/tiny-stable"))
    parser.add_argument("--steps", type=int, default=480)
    parser.add_argument("--tasks", type=int, default=12)
    parsed = parser.parse_args()
    cache = parsed.out / "cache"
    tasks = held_out(parsed.data, cache, parsed.tasks)
    report, lines = {"correlation": {}}, []
    stable = fresh()
    spent = 0.0
    for quarter in range(1, 5):
        options = StableOptions(
            data=(parsed.data,), out=parsed.out, cache=cache, clap=None, train_base=True,
            base_alone=0.4, depth_factor=0.5, seconds=SECONDS, windows=1200, batch_size=8,
            accumulate=1, learning_rate=1.5e-3, ema=0.98, checkpointing=False, log_every=20,
            steps=parsed.steps * quarter // 4,
        )  # fmt: skip
        began = time.monotonic()

        def log(text: str) -> None:
            lines.append(text)
            print(text, flush=True)

        train_stable_control(options, log, fresh())
        spent += time.monotonic() - began
        stable = trained(options)
        report["correlation"][options.steps] = measure(stable, tasks)
        print(f"correlation with the envelope: {report['correlation'][options.steps]:.3f}")
    report["without control"] = measure(stable, tasks, control_scale=0.0)
    for strength in (0.3, 0.5, 0.7):
        value = measure(stable, tasks, control_scale=0.0, init_strength=strength)
        report[f"audio to audio, strength {strength}"] = value
    previews = [
        correlation(e, lay(e, reference=w, sample_rate=SAMPLE_RATE, seed=i), SAMPLE_RATE)
        for i, (e, w) in enumerate(tasks)
    ]
    report["preview"] = float(np.mean(previews))
    report["minutes of training"] = spent / 60
    report["losses"] = [line for line in lines if line.split()[0].isdigit()]
    print(json.dumps({k: v for k, v in report.items() if k != "losses"}, indent=2))
    (parsed.out / "report.json").write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
