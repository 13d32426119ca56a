"""Tiny Stable Audio models with random weights, for several tests."""

import torch

from folai.models.oobleck import OobleckConfig
from folai.models.seconds import SecondsConfig
from folai.models.stable_dit import StableDiTConfig
from folai.stable.config import StableConfig
from folai.stable.files import StableBase

TINY = StableConfig(
    StableDiTConfig(
        latent_channels=8,
        dim=64,
        depth=5,
        num_heads=4,
        cond_token_dim=32,
        cond_dim=32,
        global_dim=64,
    ),
    OobleckConfig(
        latent_channels=8, strides=(2, 4, 8, 8), widths=(1, 1, 2, 2), encoder_dim=16, decoder_dim=8
    ),
    SecondsConfig(dim=32),
    window=256,
    text_length=16,
)


def random_base(config: StableConfig = TINY, seed: int = 0) -> StableBase:
    """Weights for which no part is without effect: Snake's and the norms' are random, too."""
    torch.manual_seed(seed)
    base = StableBase(config)
    for name, parameter in base.named_parameters():
        if name.endswith(("alpha", "beta", "bias")) or "norm" in name:
            torch.nn.init.normal_(parameter, 1.0 if name.endswith("norm.weight") else 0.0, 0.2)
    return base.requires_grad_(False).eval()
