"""Times Stable Audio Open here against diffusers' pipeline: same weights, prompt, steps, precision.

    python benchmarks/full_size.py                     # the published size, random weights
    python benchmarks/full_size.py --depth 6 --width 768 --decoder 64 --steps 4
    python benchmarks/full_size.py --model DIR         # the real weights, where they are
    python benchmarks/full_size.py --ours --dtype bfloat16      # time and peak memory, ours alone

Both begin with the text embedded (no text model is part of what differs) and end with sound. Each
is run in a process of its own, so that the peak memory is its own; the first takes the weights
from files, the second the same files. With --ours the stock pipeline is left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from folai.diffusion.sampling import draw_noise
from folai.models.oobleck import OobleckConfig
from folai.models.stable_dit import StableDiTConfig
from folai.stable.base_files import StableBase, load_base, save_base
from folai.stable.model import Run, StableAudio
from folai.stable.model_config import StableConfig
from folai.stable.precision import DTYPES

PROMPT_TOKENS = 128


def config_of(parsed: argparse.Namespace) -> StableConfig:
    """The published proportions, narrower or shallower where asked."""
    heads = parsed.width // 64
    dit = StableDiTConfig(dim=parsed.width, depth=parsed.depth, num_heads=heads)
    if heads % dit.num_cross_heads:
        dit = replace(dit, cond_dim=parsed.width // 2)
    return StableConfig(dit, OobleckConfig(decoder_dim=parsed.decoder))


def write_random(parsed: argparse.Namespace, folder: Path) -> None:
    torch.manual_seed(0)
    base = StableBase(config_of(parsed))
    base.dit.to(getattr(torch, parsed.dtype))
    save_base(base, folder, "diffusers")


def prompt_embedding(dim: int) -> torch.Tensor:
    return torch.randn(1, PROMPT_TOKENS, dim, generator=torch.Generator().manual_seed(1))


def time_ours(folder: Path, parsed: argparse.Namespace) -> dict[str, float]:
    base = load_base(folder, dtype=getattr(torch, parsed.dtype), device=device())
    stable = StableAudio(base.config, base.dit, base.autoencoder, base.seconds)
    if parsed.compile:
        for block in stable.dit.trunk.blocks:
            block.compile()
    wanted = prompt_embedding(base.config.seconds.dim)
    frames = -(-round(parsed.seconds * stable.sample_rate) // stable.autoencoder.hop_length)

    def once() -> dict[str, float]:
        began = clock()
        run = Run(stable, wanted, torch.zeros_like(wanted), parsed.steps, 7.0, parsed.seconds)
        with torch.inference_mode():
            latents = run.sample(frames, 0)
            sampled = clock()
            wav = stable.decode(latents)
            assert wav.shape[-1] >= parsed.seconds * stable.sample_rate
        return {"sampling": sampled - began, "decoding": clock() - sampled}

    return best(once, parsed.repeat)


def time_theirs(folder: Path, parsed: argparse.Namespace) -> dict[str, float]:
    import diffusers

    dtype = getattr(torch, parsed.dtype)
    pipeline = diffusers.StableAudioPipeline(
        vae=diffusers.AutoencoderOobleck.from_pretrained(folder / "vae", torch_dtype=dtype),
        text_encoder=None,
        projection_model=diffusers.StableAudioProjectionModel.from_pretrained(
            folder / "projection_model", torch_dtype=dtype
        ),
        tokenizer=None,
        transformer=diffusers.StableAudioDiTModel.from_pretrained(
            folder / "transformer", torch_dtype=dtype
        ),
        scheduler=diffusers.CosineDPMSolverMultistepScheduler(),
    ).to(device())
    pipeline.set_progress_bar_config(disable=True)
    config = pipeline.transformer.config
    prompt = prompt_embedding(config.cross_attention_input_dim).to(device(), dtype)
    noise = draw_noise([0], config.in_channels, config.sample_size).to(device(), dtype)

    def once() -> dict[str, float]:
        began = clock()
        given = {"prompt_embeds": prompt, "num_inference_steps": parsed.steps}
        latents = pipeline(
            **given,
            audio_end_in_s=parsed.seconds,
            guidance_scale=7.0,
            generator=torch.Generator().manual_seed(0),
            latents=noise.clone(),
            output_type="latent",
        ).audios
        sampled = clock()
        with torch.inference_mode():
            pipeline.vae.decode(latents).sample[..., : round(parsed.seconds * 44100)]
        return {"sampling": sampled - began, "decoding": clock() - sampled}

    return best(once, parsed.repeat)


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def best(once, repeat: int) -> dict[str, float]:
    """Of so many times the one of least time; what the processor spent on it, which other work on
    the machine changes little; and this process's peak memory in gigabytes."""
    found, worked = {}, 0.0
    for _ in range(repeat):
        began = time.process_time()
        parts = once()
        if not found or sum(parts.values()) < sum(found.values()):
            found, worked = parts, time.process_time() - began
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 1e9
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {**found, "total": sum(found.values()), "CPU seconds": worked, "peak GB": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="a folder in diffusers' layout")
    parser.add_argument("--width", type=int, default=1536)
    parser.add_argument("--depth", type=int, default=24)
    parser.add_argument("--decoder", type=int, default=128, help="channels of the autoencoder")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--compile", action="store_true", help="our blocks by torch.compile")
    parser.add_argument("--ours", action="store_true", help="without diffusers' pipeline")
    parser.add_argument("--only", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.only:
        timed = {"ours": time_ours, "theirs": time_theirs}[parsed.only](parsed.model, parsed)
        print(json.dumps(timed))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = parsed.model or Path(temporary)
        if parsed.model is None:
            write_random(parsed, folder)
        found = {}
        for only in ("ours",) if parsed.ours else ("ours", "theirs"):
            command = [sys.executable, __file__, *sys.argv[1:], "--model", str(folder)]
            done = subprocess.run(
                [*command, "--only", only], stdout=subprocess.PIPE, text=True, check=True
            )
            found[only] = json.loads(done.stdout.splitlines()[-1])
            print(only, {name: round(value, 2) for name, value in found[only].items()}, flush=True)
    if "theirs" in found:
        wall, spent = (
            found["theirs"][name] / found["ours"][name] for name in ("total", "CPU seconds")
        )
        threads = torch.get_num_threads()
        where = f"{device()}, {threads} threads, {parsed.dtype}"
        print(f"{wall:.1f} times faster by the clock, {spent:.1f} in CPU seconds, {where}")


if __name__ == "__main__":
    main()
