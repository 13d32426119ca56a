"""Stable Audio 3's architecture against the published code, with the same random weights.

What the published code computes is in golden/stable3.json; golden/stable3_script.py says how.
"""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from folai.diffusion.sampling import sample_ddim, sample_pingpong
from folai.models.same import Same, SameConfig
from folai.models.stable3_dit import Stable3DiT
from folai.stable3.conditioning import condition
from folai.stable3.denoising import Question, denoise, guide_apart
from folai.stable3.model_config import _shift
from stable3_models import CONFIGS, SHIFTS, TINY, TINY_MEDIUM, drawn, random_base

GOLDEN = json.loads((Path(__file__).parent / "golden" / "stable3.json").read_text())
# Largest difference over the largest value: 1e-5 where the goldens were made; a processor without
# AVX-512 rounds otherwise, and is at most 1.1e-5 away.
CLOSE = 1.5e-5


def difference(ours, golden):
    assert list(ours.shape) == golden["shape"]
    flat = ours.detach().flatten().double()
    places = torch.linspace(0, len(flat) - 1, min(48, len(flat))).long()
    wanted = torch.tensor(golden["some"], dtype=torch.float64)
    assert flat.norm().item() == pytest.approx(golden["norm"], rel=1e-4)
    return (flat[places] - wanted).abs().max().item() / golden["max"]


@pytest.fixture(scope="module", params=list(CONFIGS))
def model(request):
    """(name, model)."""
    return request.param, random_base(CONFIGS[request.param])


def kept(base):
    mask = torch.ones(1, 1, 12)
    mask[..., 3:7] = 0
    return torch.cat([mask, mask * drawn(31, 1, base.config.dit.latent_channels, 12)], dim=1)


def words(base, seed, count):
    return drawn(seed, 1, base.config.conditioner.text_length, 768)[:, :count]


def conditions(base, seed=21, count=5, seconds=3.5, **others):
    sound = kept(base) if base.config.dit.fills_gaps else None
    heard = base.dit, base.conditioner, seconds, 12, words(base, seed, count)
    return condition(*heard, kept=sound, **others)


@torch.inference_mode()
def test_the_denoiser(model):
    name, base = model
    latents = drawn(1, 2, base.config.dit.latent_channels, 12)
    one, two = conditions(base), conditions(base, 22, 3, 100.0)
    asked = [Question(one, latents[:1], 0.2), Question(two, latents[1:], 0.97)]
    alone = [denoise(base.dit, [question])[0] for question in asked]
    assert difference(torch.cat(alone), GOLDEN[name]["dit"]) <= CLOSE


@torch.inference_mode()
@pytest.mark.parametrize("way", ["guided", "negative", "plainly guided"])
def test_guidance(model, way):
    name, base = model
    latents = drawn(1, 2, base.config.dit.latent_channels, 12)[:1]
    unwanted = words(base, 22, 3) if way == "negative" else None
    heard = conditions(base, unwanted=unwanted, guided=True)
    (both,) = denoise(base.dit, [Question(heard, latents, 0.7)])
    apart = 0.0 if way == "plainly guided" else 1.0
    ours = guide_apart(latents, both[:1], both[1:], 0.7, 4.0, apart)
    assert difference(ours, GOLDEN[name][way]) <= CLOSE


@torch.inference_mode()
def test_the_autoencoder_both_ways(model):
    name, base = model
    codec = base.autoencoder
    encoded = codec.encode(0.3 * drawn(2, 1, 2, 9 * codec.hop_length))
    assert difference(encoded, GOLDEN[name]["encoded"]) <= CLOSE
    decoded = codec.decode(drawn(3, 1, codec.latent_channels, 9))
    assert difference(decoded, GOLDEN[name]["decoded"]) <= CLOSE


@torch.inference_mode()
@pytest.mark.parametrize(("steps", "first"), [(8, 1.0), (4, 0.6)])
def test_the_samplers(model, steps, first):
    name, base = model
    shape = 1, base.config.dit.latent_channels, 12
    noise, start = drawn(4, *shape), drawn(5, *shape)
    if first < 1:
        noise = start * (1 - first) + noise * first
    heard = conditions(base)

    def answer(noisy, t):
        return denoise(base.dit, [Question(heard, noisy, t)])[0]

    times = base.config.shift.times(steps, 12, first)
    if base.config.distilled:
        ours = sample_pingpong(
            answer, noise, times, "rectified_flow", lambda step: drawn(100 + step, *shape)
        )
    else:
        ours = sample_ddim(answer, noise, times, "rectified_flow")
    assert difference(ours, GOLDEN[name][f"sampled {steps} {first}"]) <= 1e-4


@pytest.mark.parametrize("name", list(SHIFTS))
def test_shifts_of_times(name):
    shift = _shift(SHIFTS[name])
    for length in (100, 1000, 9000):
        for first in (1.0, 0.5):
            golden = GOLDEN["shifts"][f"{name} {length} {first}"]
            assert shift.times(7, length, first) == pytest.approx(golden, abs=1e-6)


@pytest.mark.parametrize("name", ["tiny", "tiny medium", "tiny other"])
def test_pieces_are_as_the_whole(name):
    codec = random_base(CONFIGS[name]).autoencoder
    latents, hop = drawn(6, 1, 8, 41), codec.hop_length
    with torch.inference_mode():
        whole = codec.decode(latents)
        assert whole.shape == (1, 2, 41 * hop)
        pieces = codec.decode(latents, chunk=7)
        assert (pieces - whole).abs().max() / whole.abs().max() <= CLOSE
        wav = drawn(7, 1, 2, 41 * hop - 5)
        encoded = codec.encode(wav)
        assert encoded.shape == (1, 8, 41)
        difference = codec.encode(wav, chunk=7) - encoded
        assert difference.abs().max() / encoded.abs().max() <= CLOSE


@pytest.mark.parametrize("name", ["tiny", "tiny medium"])
def test_the_same_where_gradients_are_needed(name):
    """There attention is written out."""
    base = random_base(CONFIGS[name])
    latents, heard = drawn(1, 1, 8, 12), conditions(base)
    with torch.inference_mode():
        wanted = denoise(base.dit, [Question(heard, latents, 0.3)])[0]
        sound = base.autoencoder.decode(latents)
    ours = denoise(base.dit, [Question(heard, latents.requires_grad_(), 0.3)])[0]
    assert (ours - wanted).abs().max() / wanted.abs().max() <= CLOSE and ours.requires_grad
    ours = base.autoencoder.decode(latents)
    assert (ours - sound).abs().max() / sound.abs().max() <= CLOSE and ours.requires_grad


@torch.inference_mode()
def test_clips_of_one_length_in_one_batch():
    base = random_base(TINY_MEDIUM)
    latents = drawn(1, 2, 8, 12)
    heard = [conditions(base, guided=True), conditions(base, 22, 5, 9.0, guided=True)]
    assert heard[0].alike() == heard[1].alike() != conditions(base, count=3, guided=True).alike()
    asked = [Question(heard[0], latents[:1], 0.4), Question(heard[1], latents[1:], 0.8)]
    for together, question in zip(denoise(base.dit, asked), asked, strict=True):
        (alone,) = denoise(base.dit, [question])
        assert (together - alone).abs().max() / alone.abs().max() <= CLOSE


def test_the_published_sizes():
    """433 million and 1.4 billion parameters, without the layers for what is kept around gaps."""
    medium = CONFIGS["wide medium"]
    for dit, lowest, highest in (
        (dataclasses.replace(CONFIGS["wide"].dit, depth=20), 4.5e8, 4.7e8),
        (dataclasses.replace(medium.dit, depth=24), 1.4e9, 1.5e9),
    ):
        with torch.device("meta"):
            assert lowest < sum(p.numel() for p in Stable3DiT(dit).parameters()) < highest
    large = dataclasses.replace(medium.autoencoder, encoder_depth=12, decoder_depth=12)
    for config, lowest, highest in ((SameConfig(), 1.0e8, 1.2e8), (large, 8.4e8, 8.6e8)):
        with torch.device("meta"):
            assert lowest < sum(p.numel() for p in Same(config).parameters()) < highest


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dim": 62}, "dim is 62; give a multiple of 2 heads of 32 or more"),
        ({"depth": 0}, "depth is 0; give 1 or more"),
    ],
)
def test_sizes_that_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY.dit, **wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dim": 100}, "dim is 100; give a multiple of 32"),
        ({"dim": 64}, "dim is 64; give other than 2 channels"),
        ({"chunk": 1, "stride": 4}, "chunk is 1 latents; give an even number"),
    ],
)
def test_autoencoders_that_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY.autoencoder, **wrong)
