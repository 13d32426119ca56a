"""The full-size architecture against diffusers', with the same random weights."""

import dataclasses

import pytest
import torch

from folai.models.oobleck import OobleckConfig
from folai.models.seconds import SecondsConfig
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.models.stable_dit import StableDiT, StableDiTConfig
from folai.stable.base_files import StableBase, save_base
from folai.stable.model_config import StableConfig
from stable_models import TINY, random_base

CLOSE = 1e-5  # largest difference over the largest value


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


FULL_WIDTH = StableConfig(  # one block of Stable Audio Open 1.0, with a small autoencoder
    StableDiTConfig(depth=1), OobleckConfig(widths=(1, 1, 1, 2, 2), decoder_dim=32), SecondsConfig()
)


@pytest.fixture(scope="module", params=["tiny", "one full-width block"])
def models(request, tmp_path_factory):
    """(ours, the folder in diffusers' layout)."""
    config = {"tiny": TINY, "one full-width block": FULL_WIDTH}[request.param]
    base = random_base(config)
    folder = tmp_path_factory.mktemp("diffusers")
    save_base(base, folder, "diffusers")
    return base, folder


def test_the_denoiser(models):
    diffusers = pytest.importorskip("diffusers")
    from diffusers.models.embeddings import get_1d_rotary_pos_embed

    base, folder = models
    theirs = diffusers.StableAudioDiTModel.from_pretrained(folder / "transformer").eval()
    config, generator = base.config.dit, torch.Generator().manual_seed(1)
    latents = torch.randn(2, config.latent_channels, 40, generator=generator)
    tokens = torch.randn(2, 7, config.cond_token_dim, generator=generator)
    seconds = torch.randn(2, config.global_dim, generator=generator)
    time = torch.tensor([0.2, 0.97])
    trunk = base.dit.trunk
    with torch.inference_mode():
        rotary = trunk.rotary(40, torch.device("cpu"))
        ours = base.dit(latents, time, seconds, trunk.remember(tokens), rotary)
        table = get_1d_rotary_pos_embed(
            config.head_dim // 2, 41, use_real=True, repeat_interleave_real=False
        )
        wanted = theirs(latents, time, tokens, seconds.unsqueeze(1), rotary_embedding=table).sample
    assert difference(ours, wanted) <= CLOSE
    rotary = rotary.clone()
    ours = base.dit(latents, time, seconds, trunk.remember(tokens), rotary)  # as in training
    assert difference(ours.detach(), wanted) <= CLOSE


def test_the_autoencoder_both_ways(models):
    diffusers = pytest.importorskip("diffusers")
    base, folder = models
    theirs = diffusers.AutoencoderOobleck.from_pretrained(folder / "vae").eval()
    codec, hop = base.autoencoder, base.autoencoder.hop_length
    wav = torch.rand(1, 2, 6 * hop, generator=torch.Generator().manual_seed(2)) - 0.5
    with torch.inference_mode():
        latents = codec.encode(wav)
        assert difference(latents, theirs.encode(wav).latent_dist.mean) <= CLOSE
        assert difference(codec.decode(latents), theirs.decode(latents).sample) <= CLOSE


def test_the_numbers(models):
    diffusers = pytest.importorskip("diffusers")
    base, folder = models
    theirs = diffusers.StableAudioProjectionModel.from_pretrained(folder / "projection_model")
    start, total = torch.tensor([0.0, 3.5, 600.0]), torch.tensor([10.0, 47.5, 512.0])
    with torch.inference_mode():
        tokens, side_by_side = base.seconds(start, total)
        wanted = theirs(start_seconds=start, end_seconds=total)
    parts = [wanted.seconds_start_hidden_states, wanted.seconds_end_hidden_states]
    assert difference(tokens, torch.cat(parts, dim=1)) <= CLOSE
    assert difference(side_by_side, torch.cat(parts, dim=2)[:, 0]) <= CLOSE


def test_chunks_are_as_the_whole():
    codec, hop = random_base().autoencoder, TINY.autoencoder.hop_length
    wav = torch.rand(1, 2, 90 * hop - 7, generator=torch.Generator().manual_seed(3)) - 0.5
    with torch.inference_mode():
        latents = codec.encode(wav)
        assert latents.shape == (1, 8, 90)
        assert difference(codec.encode(wav, chunk=16), latents) <= CLOSE
        decoded = codec.decode(latents)
        assert decoded.shape == (1, 2, 90 * hop)
        assert difference(codec.decode(latents, chunk=16), decoded) <= CLOSE


def run(base, controlnet=None, looked=None, before=False, time=0.7):
    generator = torch.Generator().manual_seed(4)
    latents = torch.randn(2, 8, 32, generator=generator)
    tokens, seconds = base.seconds(torch.zeros(2), torch.full((2,), 9.0))
    times, trunk = torch.full((2,), time), base.dit.trunk
    rotary = trunk.rotary(32, latents.device)
    control = None
    if controlnet is not None:
        kept = controlnet.trunk.remember(tokens)
        control = controlnet(latents, times, seconds, controlnet.look(looked), kept, rotary)
    memory = trunk.remember(tokens)
    return base.dit(latents, times, seconds, memory, rotary, control, before)


@pytest.mark.parametrize("before", [False, True])
def test_an_untrained_controlnet_changes_nothing(before):
    base = random_base()
    controlnet = StableControlNet(StableControlConfig(0.4, before), TINY.dit)
    controlnet.copy_from(base.dit)
    assert len(controlnet.outward) == 2
    looked = torch.randn(2, 8, 32)
    with torch.inference_mode():
        assert torch.equal(run(base, controlnet, looked, before), run(base))
        for layer in controlnet.outward:
            torch.nn.init.normal_(layer.weight, 0, 0.1)
        steered = run(base, controlnet, looked, before)
        assert not torch.allclose(steered, run(base), atol=1e-2)
        assert torch.equal(run(base, controlnet, 0 * looked, before), steered)  # looks not yet
        torch.nn.init.normal_(controlnet.look.weight, 0, 0.1)
        assert not torch.allclose(run(base, controlnet, looked, before), steered, atol=1e-2)


def test_the_published_size():
    with torch.device("meta"):
        base = StableBase(StableConfig())
        controlnet = StableControlNet(StableControlConfig(), StableConfig().dit)
    count = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in (("dit", base.dit), ("codec", base.autoencoder), ("net", controlnet))
    }
    assert 1.05e9 < count["dit"] < 1.06e9 and 1.5e8 < count["codec"] < 1.6e8
    assert len(controlnet.outward) == 4 and 1.8e8 < count["net"] < 2.0e8


def test_checkpointing_gives_the_same_gradients():
    base = random_base()
    gradients = []
    for again in (False, True):
        net = StableControlNet(StableControlConfig(0.4), TINY.dit)
        net.copy_from(base.dit)
        net.trunk.checkpointing = base.dit.trunk.checkpointing = again
        torch.nn.init.ones_(net.outward[0].weight)
        run(base, net, torch.ones(2, 8, 32)).square().mean().backward()
        gradients.append(net.trunk.blocks[0].widen.weight.grad)
    assert torch.allclose(*gradients, atol=1e-7) and gradients[0].abs().max() > 0


def test_times_stay_apart_in_bf16():
    base = random_base()
    base.dit.to(torch.bfloat16)
    base.dit.trunk.rates.data = base.dit.trunk.rates.data.float()
    trunk = base.dit.trunk
    near = torch.tensor([0.9970, 0.9975])  # the same number in bf16
    assert near[0].bfloat16() == near[1].bfloat16()
    with torch.inference_mode():
        seconds = torch.zeros(2, 64, dtype=torch.bfloat16)
        x = trunk.begin(torch.zeros(2, 8, 4, dtype=torch.bfloat16), near, seconds)
    assert x.dtype == torch.bfloat16 and not torch.equal(x[0], x[1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dim": 62}, "dim is 62; give a multiple of 4 \\* 4 heads"),
        ({"cond_dim": 24}, "cond_dim is 24; give a multiple of 16"),
        ({"depth": 0}, "depth is 0"),
    ],
)
def test_sizes_that_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        StableDiT(dataclasses.replace(TINY.dit, **wrong))
