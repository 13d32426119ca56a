"""Times Stable Audio 3 here against the published code: same weights, prompt, steps, threads.

    git clone https://github.com/Stability-AI/stable-audio-3
    python benchmarks/stable_audio_3.py --published stable-audio-3   # small-sfx, random weights
    python benchmarks/stable_audio_3.py --dtype int8                 # time and memory, ours alone
    python benchmarks/stable_audio_3.py --compile --steps 2      # what compiling takes and gives
    python benchmarks/stable_audio_3.py --size medium --dtype bfloat16
    python benchmarks/stable_audio_3.py --model DIR                      # the real weights

Both begin with the words of the prompt as vectors (the text model is no part of what differs) and
end with sound. Each is run in a process of its own, so that the peak memory is its own. The
published code's imports of torchaudio and of the hub's client are stood in for: they are not used.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
import types
from dataclasses import replace
from pathlib import Path

import torch

from folai.models.same import SameConfig
from folai.models.stable3_dit import Stable3DiTConfig
from folai.stable3.base_files import Stable3Base, save_base
from folai.stable3.model import HEADROOM, Run, load_stable3
from folai.stable3.model_config import Stable3Config, to_published
from folai.stable3.options import DTYPES

SMALL = Stable3Config()
MEDIUM = replace(
    SMALL,
    dit=Stable3DiTConfig(dim=1536, depth=24, num_heads=24, hidden=6144, twin=True),
    autoencoder=SameConfig(
        dim=1536, hidden=4608, encoder_depth=12, decoder_depth=12, window=1, shifted=False,
        sines=8, smooth_out=False,
    ),
    num_samples=12582912,
)  # fmt: skip
WORDS = 12  # of the prompt
PADDING = 6.0  # seconds that the published code samples beyond the end


def words(config: Stable3Config) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, WORDS, config.conditioner.text_dim, generator=generator)


def time_ours(folder: Path, parsed: argparse.Namespace) -> dict[str, float]:
    stable = load_stable3(folder, dtype=parsed.dtype, compile=parsed.compile)
    samples = round(parsed.seconds * stable.sample_rate)
    needed = -(-samples // stable.autoencoder.hop_length)
    frames = needed + int(HEADROOM * stable.frame_rate)

    def once() -> dict[str, float]:
        began = clock()
        given = words(stable.config), None, parsed.steps, 1.0, parsed.seconds
        latents = Run(stable, *given).sample(frames, 0)
        sampled = clock()
        wav = stable.decode(latents, needed)[..., :samples]
        assert wav.shape[-1] == samples
        return {"sampling": sampled - began, "decoding": clock() - sampled}

    return best(once, parsed.repeat)


def time_theirs(folder: Path, parsed: argparse.Namespace) -> dict[str, float]:
    stand_in(parsed.published)
    from safetensors.torch import load_file
    from stable_audio_3 import factory
    from stable_audio_3.inference.sampling import sample_diffusion
    from stable_audio_3.models import conditioners, transformer

    transformer.flex_attention_available = False  # compiles for minutes on a CPU

    class Text(conditioners.Conditioner):
        def __init__(self, output_dim, max_length, project_out, padding_mode, **_):
            super().__init__(768, output_dim, project_out, padding_mode)
            self.max_length = max_length

        def forward(self, prompts, device):
            hidden = torch.zeros(1, self.max_length, 768)
            hidden[:, :WORDS] = words(Stable3Config())
            mask = torch.arange(self.max_length)[None] < WORDS
            return self.apply_padding(hidden, mask), mask

    factory.T5GemmaConditioner = Text
    config = json.loads((folder / "model_config.json").read_text())
    model = factory.create_diffusion_cond_from_config(config)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    model.eval().requires_grad_(False).to(device())
    hop = model.pretransform.downsampling_ratio
    seconds = parsed.seconds + PADDING
    needed = math.ceil(int(seconds * model.sample_rate) / hop)
    frames = needed + needed % 2  # as its `_adapt_sample_size` rounds
    given = [{"prompt": "", "seconds_total": parsed.seconds}]

    @torch.inference_mode()
    def once() -> dict[str, float]:
        began = clock()
        tensors = model.conditioner(given, device())
        tensors["inpaint_mask"] = [torch.zeros(1, 1, frames, device=device())]
        tensors["inpaint_masked_input"] = [
            torch.zeros(1, model.io_channels, frames, device=device())
        ]
        latents = sample_diffusion(
            model.model, torch.randn(1, model.io_channels, frames, device=device()),
            model.get_conditioning_inputs(tensors), model.diffusion_objective, parsed.steps,
            conditioning=given, sample_rate=model.sample_rate, pretransform=model.pretransform,
            mask_padding_attention=True, use_effective_length_for_schedule=True,
            headroom_seconds=PADDING, dist_shift=model.sampling_dist_shift, decode=False,
            disable_tqdm=True,
        )  # fmt: skip
        sampled = clock()
        model.pretransform.decode(latents)[..., : round(parsed.seconds * model.sample_rate)]
        return {"sampling": sampled - began, "decoding": clock() - sampled}

    return best(once, parsed.repeat)


def stand_in(published: Path) -> None:
    """For packages that the published modules import and do not use here."""
    for name in ("torchaudio", "torchaudio.transforms"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchaudio"].transforms = sys.modules["torchaudio.transforms"]
    sys.modules["torchaudio.transforms"].Resample = torch.nn.Identity
    package = types.ModuleType("stable_audio_3")
    package.__path__ = [str(published / "stable_audio_3")]
    sys.modules["stable_audio_3"] = package


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def best(once, repeat: int) -> dict[str, float]:
    """Of so many times the least: seconds of the clock, and what the processor spent on it, which
    other work on the machine changes little; what it spent on the first, in which torch.compile
    does its work. And this process's peak memory in gigabytes."""
    found, worked = {}, []
    for _ in range(repeat):
        began = time.process_time()
        parts = once()
        worked.append(time.process_time() - began)
        if not found or sum(parts.values()) < sum(found.values()):
            found = parts
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 1e9
    else:
        # Not ru_maxrss: that of a child begins at what its parent held.
        status = Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9
    spent = {"CPU seconds": min(worked), "of the first": worked[0]}
    return {**found, "total": sum(found.values()), **spent, "peak GB": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--published", type=Path, help="a checkout of the published code")
    parser.add_argument("--model", type=Path, help="a folder with the real weights")
    parser.add_argument("--size", choices=("small", "medium"), default="small")
    parser.add_argument("--depth", type=int, help="of the denoiser, for a quick look")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--dtype", choices=DTYPES, help="of ours")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--who", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    torch.set_num_threads(parsed.threads)
    if parsed.who is not None:
        run = time_ours if parsed.who == "ours" else time_theirs
        print(json.dumps(run(parsed.model, parsed)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = parsed.model or Path(temporary)
        if parsed.model is None:
            write_random(parsed, folder)
        for who in ("ours", "theirs") if parsed.published else ("ours",):
            command = [sys.executable, __file__, *sys.argv[1:], "--model", str(folder)]
            done = subprocess.run([*command, "--who", who], stdout=subprocess.PIPE, check=True)
            figures = json.loads(done.stdout.splitlines()[-1])
            print(who, ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))


def write_random(parsed: argparse.Namespace, folder: Path) -> None:
    config = SMALL if parsed.size == "small" else MEDIUM
    if parsed.depth is not None:
        config = replace(config, dit=replace(config.dit, depth=parsed.depth))
    torch.manual_seed(0)
    base = Stable3Base(config)
    save_base(base, folder)
    (folder / "model_config.json").write_text(json.dumps(to_published(config)))


if __name__ == "__main__":
    main()
