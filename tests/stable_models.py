"""Tiny Stable Audio models with random weights, for several tests."""

import torch

from folai.models.oobleck import OobleckConfig
from folai.models.seconds import SecondsConfig
from folai.models.stable_dit import StableDiTConfig
from folai.stable.base_files import StableBase
from folai.stable.model_config import StableConfig

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
    SecondsConfig(dim=32, text_dim=768),
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
        if "decoder" in name and name.endswith("length"):
            parameter.data *= 1.4  # else biases alone are heard
    return base.requires_grad_(False).eval()


def save_text_model(folder):
    """A tiny T5 with a tokenizer of words, where a pipeline's folder has them."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

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
        model_max_length=16,
    ).save_pretrained(folder / "tokenizer")
    torch.manual_seed(7)
    sizes = {"d_model": 768, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    config = T5Config(vocab_size=len(words), **sizes)
    T5EncoderModel(config).save_pretrained(folder / "text_encoder")


def save_clap(folder):
    """A tiny CLAP with random weights."""
    import tokenizers
    from transformers import (
        ClapAudioConfig,
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapTextConfig,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(8)
    text = ClapTextConfig(
        vocab_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, projection_dim=512,
    )  # fmt: skip
    audio = ClapAudioConfig(
        num_mel_bins=64, spec_size=256, patch_embeds_hidden_size=8, depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1], projection_dim=512, hidden_size=64,
        enable_fusion=True,
    )  # fmt: skip
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=512)
    ClapModel(config).eval().save_pretrained(folder)
    ClapFeatureExtractor().save_pretrained(folder)
    words = {"<pad>": 0, "<unk>": 1, "hit": 2, "wood": 3}
    model = tokenizers.models.WordLevel(words, unk_token="<unk>")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=8
    ).save_pretrained(folder)
