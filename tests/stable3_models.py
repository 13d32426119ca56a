"""Tiny Stable Audio 3 models, and weights that are the same here and in the published code."""

import dataclasses

import numpy as np
import torch

from folai.models.same import SameConfig
from folai.models.stable3_conditioner import Stable3ConditionerConfig
from folai.models.stable3_dit import Stable3DiTConfig
from folai.stable3.base_files import Stable3Base
from folai.stable3.model_config import Stable3Config
from folai.stable3.tensor_names import entries

TINY = Stable3Config(
    Stable3DiTConfig(
        latent_channels=8, dim=64, depth=3, num_heads=2, hidden=128, cond_token_dim=768,
        global_dim=768, front_tokens=4,
    ),
    SameConfig(
        latent_channels=8, patch=32, stride=4, dim=96, head_dim=32, hidden=192, encoder_depth=2,
        decoder_depth=3,
    ),
    Stable3ConditionerConfig(text_length=16),
    num_samples=44100 * 20,
)  # fmt: skip
# As the medium model and SAME-L: attention in pairs, a sliding window, sines, no smoothing.
TINY_MEDIUM = dataclasses.replace(
    TINY,
    dit=dataclasses.replace(TINY.dit, twin=True),
    autoencoder=dataclasses.replace(
        TINY.autoencoder, window=1, shifted=False, sines=3, smooth_out=False, decoder_depth=4
    ),
)
# The parts of published models that the first two leave out.
TINY_OTHER = dataclasses.replace(
    TINY,
    dit=dataclasses.replace(TINY.dit, log_time=True, fills_gaps=False),
    autoencoder=dataclasses.replace(
        TINY.autoencoder, tanh=False, scaled=True, one_token=False, smooth_in=True, clipped=True,
        twin=False, shifted=False,
    ),
    conditioner=dataclasses.replace(TINY.conditioner, padding="zero", projected=True),
    distilled=False,
)  # fmt: skip
WIDE = Stable3Config(  # one block of the published widths
    Stable3DiTConfig(depth=1), SameConfig(encoder_depth=1, decoder_depth=2)
)
WIDE_MEDIUM = Stable3Config(
    Stable3DiTConfig(dim=1536, depth=1, num_heads=24, hidden=6144, twin=True),
    SameConfig(
        dim=1536, hidden=4608, encoder_depth=1, decoder_depth=1, window=1, shifted=False, sines=1,
        smooth_out=False,
    ),
)  # fmt: skip
CONFIGS = {
    "tiny": TINY,
    "tiny medium": TINY_MEDIUM,
    "tiny other": TINY_OTHER,
    "wide": WIDE,
    "wide medium": WIDE_MEDIUM,
}


def random_tensor(name: str, shape, order: int) -> np.ndarray:
    """Of a published name: no part is without effect, and none grows out of all bounds."""
    drawn = np.random.RandomState(order).standard_normal(tuple(shape)).astype(np.float32)
    last = name.rsplit(".", 1)[-1]
    if last in ("gamma", "scaling_factor", "running_std", "weight_g", "scale"):
        return 1 + 0.2 * drawn
    if last == "alpha":
        return 0.7 + 0.1 * drawn
    if last in ("bias", "beta", "to_scale_shift_gate", "padding_embedding"):
        return 0.2 * drawn
    if last in ("memory_tokens", "new_tokens"):
        return drawn
    return drawn / np.float32(max(1, np.prod(shape[1:])) ** 0.5)


def random_base(config: Stable3Config = TINY) -> Stable3Base:
    """Filled by the published names, sorted, so that the published code can be filled alike."""
    with torch.device("meta"):
        base = Stable3Base(config)
    own = base.state_dict()
    table = sorted(entries(config), key=lambda entry: entry.tools[0])
    tensors = {
        entry.own: torch.from_numpy(
            random_tensor(entry.tools[0], own[entry.own].shape, order)
        )
        for order, entry in enumerate(table)
    }  # fmt: skip
    base.load_state_dict(tensors, assign=True)
    return base.requires_grad_(False).eval()


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


SHIFTS = {
    "flux": {"type": "flux", "alpha_min": 1.0, "alpha_max": 4.0},
    "full": {"type": "full", "base_shift": 0.5, "max_shift": 1.15, "use_sine": True},
    "logsnr": {"type": "logsnr", "rate": 1.0, "anchor_length": 2000},
    "even": {"type": "logsnr", "rate": 0, "anchor_logsnr": -6.2, "logsnr_end": 2.0},
}
ADAPTERS = (
    "lora", "dora-rows", "dora-cols", "bora", "lora-xs", "dora-rows-xs", "dora-cols-xs", "bora-xs",
)  # fmt: skip


def adapter_tensors(kind: str) -> dict[str, torch.Tensor]:
    """Of all linear layers of the tiny denoiser's second block, as the published trainer saves."""
    tensors = {}
    with torch.device("meta"):
        own = Stable3Base(TINY).state_dict()
    order = 500
    for entry in entries(TINY):
        name = entry.tools[0].removeprefix("model.")
        shape = own[entry.own].shape
        if ".layers.1." not in name or not name.endswith(".weight") or len(shape) != 2:
            continue
        prefix = f"{name.removesuffix('.weight')}.parametrizations.weight.0."
        parts = {"lora_A": (4, shape[1]), "lora_B": (shape[0], 4)}
        if kind.endswith("-xs"):
            parts = {"M_xs": (4, 4)}
        if "dora-rows" in kind:
            parts["magnitude"] = (shape[0],)
        if "dora-cols" in kind:
            parts["magnitude"] = (shape[1],)
        if "bora" in kind:
            parts |= {"magnitude_r": (shape[0],), "magnitude_c": (shape[1],)}
        for part, size in parts.items():
            values = drawn(order, *size)
            positive = part.startswith("magnitude")
            tensors[prefix + part] = 1 + 0.1 * values if positive else 0.3 * values
            order += 1
    return tensors


def save_t5gemma(folder):
    """A tiny T5Gemma with a tokenizer of words, where a published model has it."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast, T5GemmaConfig, T5GemmaEncoderModel

    place = folder / "t5gemma-b-b-ul2"
    words = ["<pad>", "</s>", "<unk>", "hit", "wood", "metal", "footsteps", "on", "gravel", "rain"]
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    ends = [("</s>", 1)]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", None, ends)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=256,
    ).save_pretrained(place)
    torch.manual_seed(7)
    sizes = {
        "vocab_size": len(words), "hidden_size": 768, "intermediate_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
    }  # fmt: skip
    config = T5GemmaConfig(encoder=sizes, decoder=sizes, vocab_size=len(words))
    config.is_encoder_decoder = False
    T5GemmaEncoderModel(config).save_pretrained(place)
