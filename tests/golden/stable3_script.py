"""Writes tests/golden/stable3.json: what the published code of Stable Audio 3 computes.

    git clone https://github.com/Stability-AI/stable-audio-3
    python tests/golden/stable3_script.py stable-audio-3

Its weights and inputs are random numbers that `tests/stable3_models.py` draws by name, so that the
tests compute the same without it. Of each result 48 numbers are kept, evenly spaced, its largest
number and its norm. Two packages that its model files import and do not need here are stood in for:
torchaudio, which resamples, and the text model, whose output is drawn. Noise is drawn alike, too.
flash-attention must not be installed: the published code then uses PyTorch's own attention.
"""

import contextlib
import io
import json
import sys
import types
from pathlib import Path
from unittest.mock import patch

import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "src"), sys.argv[1]]

for name in ("torchaudio", "torchaudio.transforms"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torchaudio"].transforms = sys.modules["torchaudio.transforms"]
sys.modules["torchaudio.transforms"].Resample = torch.nn.Identity
package = types.ModuleType("stable_audio_3")  # its __init__ would import the hub's client
package.__path__ = [str(Path(sys.argv[1]) / "stable_audio_3")]
sys.modules["stable_audio_3"] = package

from stable_audio_3 import factory  # noqa: E402
from stable_audio_3.inference.distribution_shift import (  # noqa: E402
    DistributionShift,
    FluxDistributionShift,
    LogSNRShift,
)
from stable_audio_3.inference.sampling import build_schedule, sample_diffusion  # noqa: E402
from stable_audio_3.models import conditioners, transformer  # noqa: E402
from stable_audio_3.models.lora.model import LoRAParametrization, add_lora  # noqa: E402

from folai.stable.tensor_names import COMPUTED  # noqa: E402
from folai.stable3.model_config import to_published  # noqa: E402
from stable3_models import (  # noqa: E402
    ADAPTERS,
    CONFIGS,
    SHIFTS,
    adapter_tensors,
    drawn,
    random_tensor,
)

transformer.flex_attention_available = False  # compiles for minutes and gives the same


class DrawnText(conditioners.Conditioner):
    """The published projection and padding over a text model's output that is drawn."""

    def __init__(self, output_dim, max_length, project_out, padding_mode, **_):
        super().__init__(768, output_dim, project_out, padding_mode)
        self.max_length = max_length

    def forward(self, words, device):
        hidden = torch.cat([drawn(seed, 1, self.max_length, 768) for seed, _ in words])
        count = torch.tensor([count for _, count in words])
        mask = torch.arange(self.max_length) < count[:, None]
        return self.apply_padding(self.proj_out(hidden), mask), mask


factory.T5GemmaConditioner = DrawnText


def kept(tensor):
    flat = tensor.detach().flatten().double()
    places = torch.linspace(0, len(flat) - 1, min(48, len(flat))).long()
    largest, norm = flat.abs().max().item(), flat.norm().item()
    return {"shape": list(tensor.shape), "some": flat[places].tolist(), "max": largest,
            "norm": norm}  # fmt: skip


def published(config):
    with contextlib.redirect_stdout(io.StringIO()):
        model = factory.create_diffusion_cond_from_config(to_published(config))
    state = model.state_dict()
    names = sorted(name for name in state if not name.endswith(COMPUTED))
    for order, name in enumerate(names):
        state[name].copy_(torch.from_numpy(random_tensor(name, state[name].shape, order)))
    return model.requires_grad_(False).eval()


def conditions(model, words, negative=False, gap=True):
    frames = 12
    tensors = model.conditioner(words, "cpu")
    if gap:
        mask = torch.ones(len(words), 1, frames)
        mask[..., 3:7] = 0
        latents = drawn(31, 1, model.io_channels, frames).expand(len(words), -1, -1)
        tensors["inpaint_mask"], tensors["inpaint_masked_input"] = [mask], [mask * latents]
    return model.get_conditioning_inputs(tensors, negative)


def of_model(config):
    model, found = published(config), {}
    gap = config.dit.fills_gaps
    words = [{"prompt": (21, 5), "seconds_total": 3.5}]
    other = [{"prompt": (22, 3), "seconds_total": 3.5}]
    two = conditions(model, [*words, {"prompt": (22, 3), "seconds_total": 100.0}], gap=gap)
    latents = drawn(1, 2, model.io_channels, 12)
    time = torch.tensor([0.2, 0.97])
    found["dit"] = kept(model.model(latents, time, **two))
    one, at = conditions(model, words, gap=gap), torch.tensor([0.7])
    found["guided"] = kept(model.model(latents[:1], at, **one, cfg_scale=4.0))
    against = conditions(model, other, negative=True, gap=gap)
    both = {**one, **against}
    found["negative"] = kept(model.model(latents[:1], at, **both, cfg_scale=4.0))
    found["plainly guided"] = kept(
        model.model(latents[:1], at, **one, cfg_scale=4.0, apg_scale=0.0)
    )
    codec = model.pretransform
    wav = 0.3 * drawn(2, 1, 2, 9 * codec.downsampling_ratio)
    found["encoded"] = kept(codec.encode(wav)[..., :9])
    found["decoded"] = kept(
        codec.decode(drawn(3, 1, model.io_channels, 9))[..., : 9 * codec.downsampling_ratio]
    )
    for steps, level in ((8, 1.0), (4, 0.6)):
        number = iter(range(100, 200))
        noise = drawn(4, 1, model.io_channels, 12)
        with patch("torch.randn_like", lambda x, n=number: drawn(next(n), *x.shape)):
            sampled = sample_diffusion(
                model.model, noise, one, model.diffusion_objective, steps, decode=False,
                dist_shift=model.sampling_dist_shift, disable_tqdm=True,
                init_data=drawn(5, 1, model.io_channels, 12) if level < 1 else None,
                init_noise_level=level,
            )  # fmt: skip
        found[f"sampled {steps} {level}"] = kept(sampled)
    return found


def of_adapters(config):
    found = {}
    for kind in ADAPTERS:
        model = published(config)
        tensors = adapter_tensors(kind)

        def attach(layer, kind=kind, **others):
            others.pop("svd_bases", None)
            return LoRAParametrization.from_linear(
                layer, rank=4, lora_alpha=6, adapter_type=kind, **others
            )

        add_lora(model.model, {torch.nn.Linear: {"weight": attach}}, include=["layers.1"])
        missing = model.model.load_state_dict(tensors, strict=False).missing_keys
        assert not [name for name in missing if name.endswith(("lora_A", "M_xs", "magnitude"))]
        one = conditions(model, [{"prompt": (21, 5), "seconds_total": 3.5}])
        latents = drawn(1, 1, model.io_channels, 12)
        found[kind] = kept(model.model(latents, torch.tensor([0.7]), **one))
    return found


def of_shifts():
    kinds = {"flux": FluxDistributionShift, "full": DistributionShift, "logsnr": LogSNRShift}
    found = {}
    for name, options in SHIFTS.items():
        values = {key: value for key, value in options.items() if key != "type"}
        shift = kinds[options["type"]](**values)
        for length in (100, 1000, 9000):
            for first in (1.0, 0.5):
                times = build_schedule(7, first, shift, torch.tensor([float(length)]))
                found[f"{name} {length} {first}"] = times.flatten().tolist()
    return found


def main():
    torch.set_num_threads(1)
    found = {name: of_model(config) for name, config in CONFIGS.items()}
    found["adapters"] = of_adapters(CONFIGS["tiny"])
    found["shifts"] = of_shifts()
    text = json.dumps(found, separators=(",", ":"))
    (HERE / "stable3.json").write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
