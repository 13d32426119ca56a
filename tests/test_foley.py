"""The sound model at a tiny size: what must hold before and whatever it has learned."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from folai.diffusion.conditioning import LEVEL, reference_latents
from folai.diffusion.denoising import denoise
from folai.diffusion.finishing import finished
from folai.diffusion.foley import Foley, FoleyConfig
from folai.diffusion.foley_files import load_foley, save_base, save_control
from folai.diffusion.longform import make_windows, sample_windows
from folai.diffusion.sampling import (
    OBJECTIVES,
    SAMPLERS,
    alpha_sigma,
    draw_noise,
    leap_target,
    leapt,
    make_times,
    to_clean,
    to_predict,
)
from folai.diffusion.vocabulary import ALL
from folai.envelope import Envelope
from folai.envelope.rms import centred_rms
from folai.models.autoencoder import Autoencoder, AutoencoderConfig
from folai.models.conditioner import Conditioner, ConditionerConfig
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT, DiTConfig

RATE = 44100  # Hz
BANDS = 16


@pytest.fixture(scope="module")
def foley() -> Foley:
    """Untrained, but with nothing at zero, so that everything has a say."""
    torch.manual_seed(0)
    codec = AutoencoderConfig(latent_channels=BANDS, dim=16, hidden=32, num_blocks=1)
    dit = DiTConfig(
        latent_channels=BANDS,
        dim=32,
        depth=2,
        num_heads=2,
        num_cross_heads=1,
        cond_dim=16,
        hidden=32,
    )
    config = FoleyConfig(dit, ConditionerConfig(latent_channels=BANDS, dim=16, words=ALL))
    base = DiT(config.dit)
    control = ControlNet(ControlConfig(), base)
    models = (Autoencoder(codec), base, Conditioner(config.conditioner), control)
    with torch.no_grad():
        for model in models[1:]:
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return Foley(config, *(model.eval() for model in models))


@pytest.fixture
def envelope() -> Envelope:
    return Envelope.from_hits([(0.3, 0.5), (0.9, 0.2)], 1.2)


@pytest.fixture(scope="module")
def blow() -> np.ndarray:
    time = np.arange(round(0.3 * RATE)) / RATE
    noise = np.random.default_rng(0).uniform(-1, 1, time.size)
    return (0.5 * np.exp(-time / 0.03) * noise).astype(np.float32)[None]


# ---- models


def test_a_new_controlnet_leaves_the_output_as_it_was(foley):
    control = ControlNet(ControlConfig(), foley.dit).eval()
    given = foley.conditioner(
        torch.randn(2, BANDS, 9), torch.tensor([True, False]), torch.tensor([[1, 2], [3, 0]])
    )
    memory = foley.dit.remember(given.tokens)
    latents, time, seconds = torch.randn(2, BANDS, 11), torch.rand(2), torch.tensor([2.0, 3.0])
    alone = foley.dit(latents, time, seconds, given.pooled, memory, given.mask)
    x, modulation = foley.dit.begin(latents, time, seconds, given.pooled)
    looked = control.look(torch.rand(2, 44))
    added = control(x, modulation, looked, control.remember(given.tokens), given.mask)
    steered = foley.dit(latents, time, seconds, given.pooled, memory, given.mask, added)
    assert torch.equal(alone, steered)
    assert alone.shape == latents.shape


def test_what_is_masked_out_is_not_heard(foley):
    words, no = torch.tensor([[4, 0]]), torch.tensor([False])
    latents, time = torch.randn(1, BANDS, 8), torch.tensor([0.5])
    said = []
    for reference in (torch.randn(1, BANDS, 12), torch.zeros(1, BANDS, 12)):
        given = foley.conditioner(reference, no, words)
        memory = foley.dit.remember(given.tokens)
        said.append(foley.dit(latents, time, time, given.pooled, memory, given.mask))
    assert torch.equal(*said)


def test_a_model_may_be_any_size():
    large = DiTConfig(latent_channels=64, patch=1, dim=96, depth=3, num_heads=6, num_cross_heads=3)
    model = DiT(large)
    tokens = torch.randn(1, 5, large.cond_dim)
    pooled, mask = torch.randn(1, large.cond_dim), torch.ones(1, 5, dtype=torch.bool)
    one = torch.ones(1)
    latents = torch.randn(1, 64, 7)
    assert model(latents, one, one, pooled, model.remember(tokens), mask).shape == latents.shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DiTConfig(dim=100, num_heads=3), "dim is 100; give a multiple"),
        (lambda: DiTConfig(num_cross_heads=3), "num_cross_heads is 3; give a divisor"),
        (lambda: ControlConfig(depth_factor=0), "depth_factor is 0; give above 0"),
        (lambda: make_windows(10, 4, 4), "overlap is 4 frames"),
    ],
)
def test_configs_that_cannot_be_meant(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- sampling


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_perfect_model_is_sampled_exactly(objective, sampler):
    """Of data that is one point, the clean latents are known whatever the noise."""
    clean = torch.linspace(-1, 1, 12).view(1, 3, 4)

    def model(noisy, t):
        alpha, sigma = alpha_sigma(torch.tensor(t), objective)
        noise = (noisy - alpha * clean) / sigma
        return to_predict(clean, noise, torch.tensor(t).view(1, 1, 1), objective)

    out = SAMPLERS[sampler](model, draw_noise([0], 3, 4), make_times(6), objective)
    assert torch.allclose(out, clean, atol=1e-4)
    t = 0.4
    alpha, sigma = alpha_sigma(torch.tensor(t), objective)
    noise = torch.randn(1, 3, 4)
    noisy = alpha * clean + sigma * noise
    for got, wanted in zip(
        to_clean(noisy, model(noisy, t), t, objective), (clean, noise), strict=True
    ):
        assert torch.allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_is_said_of_a_large_step_leads_where_it_should(objective):
    noisy, after = torch.randn(3, 4, 5), torch.randn(3, 4, 5)
    t = torch.tensor([0.95, 0.6, 0.2]).view(3, 1, 1)
    following = torch.tensor([0.6, 0.3, 0.0]).view(3, 1, 1)
    said = leap_target(noisy, after, t, following, objective)
    assert torch.allclose(leapt(noisy, said, t, following, objective), after, atol=1e-4)


def test_noise_does_not_depend_on_the_batch():
    alone, together = draw_noise([5], 4, 7), draw_noise([4, 5, 6], 4, 7)
    assert torch.equal(alone[0], together[1])
    assert make_times(4) == [1, 0.75, 0.5, 0.25, 0]
    assert make_times(4, shift=3.0)[2] == pytest.approx(0.75)
    assert make_times(5, last=0.6) == pytest.approx([1, 0.9, 0.8, 0.7, 0.6, 0])
    assert make_times(1) == [1, 0] and make_times(2, last=0.2) == [1, 0.5, 0]


# ---- any length


@pytest.mark.parametrize("num_frames", [1, 10, 11, 25, 96, 97])
def test_windows_cover_everything_and_are_alike(num_frames):
    windows = make_windows(num_frames, 10, 3)
    assert windows[0][0] == 0 and windows[-1][1] == num_frames
    assert {stop - start for start, stop in windows} == {min(10, num_frames)}
    gaps = [before[1] - after[0] for before, after in pairwise(windows)]
    assert all(gap >= 3 for gap in gaps)


def test_a_cross_fade_shows_no_seam():
    noise = torch.randn(1, 2, 97)
    assert torch.allclose(sample_windows(lambda x, a, b: x, noise, 10, 3), noise, atol=1e-6)
    level = iter(range(100))
    stepped = sample_windows(lambda x, a, b: torch.full_like(x, next(level)), noise, 10, 3)
    assert stepped.diff().abs().max() < 0.6 and stepped.diff().min() >= 0


# ---- conditioning


def test_the_references_own_level_and_pauses_do_not_matter(foley, blow):
    pause = np.zeros((1, 2 * RATE), np.float32)
    loud = reference_latents(foley.autoencoder, np.concatenate([blow, pause, blow], axis=1))
    quiet = reference_latents(foley.autoencoder, 0.01 * blow.repeat(2, 0))
    frames = quiet.shape[-1]
    assert torch.allclose(loud[..., : frames - 10], quiet[..., : frames - 10], atol=0.05)
    assert loud.shape[-1] < 1.5 * RATE / 512


# ---- the whole


def test_the_sound_is_as_long_as_asked_and_the_same_each_time(foley, envelope, blow):
    def made(**changed):
        return foley.generate(envelope, duration=1.2, num_steps=2, reference=blow, **changed)

    takes = made(seed=3, variations=2)
    assert takes.shape == (2, 1, round(1.2 * RATE)) and takes.dtype == np.float32
    assert np.array_equal(takes[1], made(seed=4)[0])
    assert not np.array_equal(takes[0], takes[1])
    assert np.abs(takes).max() <= 0.99 + 1e-6


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "hit metal"},
        {"negative_prompt": "water"},
        {"cfg_scale": 1.0},
        {"control_scale": 0.0},
        {"num_steps": 3},
        {"reference": None},
    ],
)
def test_everything_has_a_say(foley, envelope, blow, changed):
    usual = {"reference": blow, "num_steps": 2, "duration": 1.2, "envelope_lock": 0.0}
    first = foley.generate(envelope, **usual)
    assert not np.allclose(first, foley.generate(envelope, **{**usual, **changed}))


@pytest.fixture(scope="module")
def leaping(foley) -> Foley:
    """As if trained for takes of two steps of one evaluation each."""
    torch.manual_seed(1)
    dit = DiT(replace(foley.config.dit, leaps=True))
    dit.load_state_dict(foley.dit.state_dict(), strict=False)
    for told in (dit.size, dit.guidance):
        torch.nn.init.normal_(told.layers[-1].weight, std=0.1)
    config = replace(foley.config, dit=dit.config, leap_steps=(2,))
    return replace(foley, config=config, dit=dit.eval())


def rows_asked(monkeypatch) -> list[tuple[int, float, float]]:
    """(branches, size of the step, guidance) of each evaluation from here on."""
    seen: list[tuple[int, float, float]] = []

    def noting(dit, controlnet, questions):
        seen.extend((q.branches, q.size, q.guidance) for q in questions)
        return denoise(dit, controlnet, questions)

    monkeypatch.setattr("folai.diffusion.foley.denoise", noting)
    return seen


def test_a_take_of_large_steps_is_one_evaluation_a_step(leaping, envelope, blow, monkeypatch):
    seen = rows_asked(monkeypatch)
    given = {"duration": 1.2, "reference": blow, "envelope_lock": 0.0}
    first = leaping.generate(envelope, num_steps=2, cfg_scale=3.0, **given)
    assert seen == [(1, pytest.approx(0.5), 3.0), (1, pytest.approx(0.5), 3.0)]
    second = leaping.generate(envelope, num_steps=2, cfg_scale=5.0, **given)
    assert not np.allclose(first, second), "the guidance has a say"


@pytest.mark.parametrize(
    "changed",
    [
        {"num_steps": 3},
        {"sampler": "dpmpp_2m"},
        {"negative_prompt": "water"},
        {"cfg_scale": 12.0},
        {"init_strength": 0.9},
    ],
)
def test_what_large_steps_have_not_learned_is_done_in_small_ones(
    leaping, envelope, blow, changed, monkeypatch
):
    seen = rows_asked(monkeypatch)
    leaping.generate(
        envelope,
        **{"duration": 1.2, "reference": blow, "num_steps": 2, "init_wav": blow, **changed},
    )
    assert {(size, guidance) for _, size, guidance in seen} == {(0.0, 1.0)}
    assert any(branches == 2 for branches, _, _ in seen)


def test_without_control_the_envelope_has_none(foley, envelope, blow):
    other = Envelope.from_hits([(0.6, 0.5)], 1.2)
    first, second = (
        foley.generate(
            given, duration=1.2, reference=blow, num_steps=2, control_scale=0.0, envelope_lock=0.0
        )
        for given in (envelope, Envelope(other.values * envelope.values.max() / other.values.max()))
    )
    assert np.allclose(first, second)


def test_silence_stays_silent(foley, blow):
    silence = Envelope(np.zeros(120, np.float32))
    assert not foley.generate(silence, duration=1.0, reference=blow).any()


def test_locked_sound_follows_the_envelope(envelope):
    asked = envelope.gain(-12)  # where nothing clips
    noise = np.random.default_rng(0).standard_normal((1, round(1.2 * RATE))).astype(np.float32)
    loud = asked.values > 0.2 * asked.values.max()
    errors = []
    for lock in (0.0, 0.5, 1.0):
        level = centred_rms(finished(0.05 * noise, RATE, asked, 1.0, lock), RATE, 120.0)
        errors.append(np.abs(20 * np.log10(level[loud] / asked.values[loud])).mean())
    assert errors[0] > errors[1] > errors[2] and errors[2] < 2.5


def test_the_peak_is_at_the_envelopes_level(envelope):
    tone = np.sin(np.arange(round(1.2 * RATE)) * 0.1).astype(np.float32)[None]
    tone *= LEVEL * np.sqrt(2)
    made = finished(tone, RATE, Envelope(np.full(144, 0.05)), 0.05 / LEVEL, 0.0)
    assert centred_rms(made, RATE).max() == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize(
    ("broken", "stage"),
    [("conditioner", "conditioning"), ("dit", "sampling"), ("autoencoder", "the decoder")],
)
def test_nan_never_leaves(foley, envelope, broken, stage):
    import copy

    model = copy.deepcopy(getattr(foley, broken))
    with torch.no_grad():
        list(model.parameters())[-1].fill_(float("nan"))
    with pytest.raises(ValueError, match=f"{stage} gave NaN"):
        replace(foley, **{broken: model}).generate(
            envelope, duration=1.2, num_steps=2, prompt="hit"
        )


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (np.zeros((1, RATE), np.float32), "is silent"),
        (np.ones((1, 100), np.float32), "lasts 2 ms"),
    ],
)
def test_references_that_will_not_do(foley, envelope, reference, message):
    with pytest.raises(ValueError, match=message):
        foley.generate(envelope, duration=1.2, reference=reference)


# ---- weights


def test_weights_are_written_and_read(foley, envelope, tmp_path):
    from folai.checkpoints import save_autoencoder

    base, codec = tmp_path / "foley.safetensors", tmp_path / "autoencoder.safetensors"
    save_base(base, foley.dit, foley.conditioner, foley.config, {})
    assert foley.controlnet is not None
    save_control(tmp_path / "control.safetensors", foley.controlnet, {})
    save_autoencoder(foley.autoencoder, codec, {})
    read = load_foley(base, autoencoder=codec)
    assert read.config == foley.config
    made = read.generate(envelope, duration=1.0, num_steps=2, prompt="hit wood")
    assert made.shape == (1, 1, RATE) and np.isfinite(made).all()
    base.write_bytes(base.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"foley\.safetensors: damaged"):
        load_foley(base, autoencoder=codec)
    with pytest.raises(ValueError, match=r"none\.safetensors: weights not found"):
        load_foley(tmp_path / "none.safetensors", autoencoder=codec)


def test_a_sound_to_start_from_is_kept_the_more_the_lower_the_strength(foley, envelope):
    time = np.arange(2 * RATE) / RATE
    start = (0.2 * np.sin(2 * np.pi * 700 * time) * (time % 0.5 < 0.2)).astype(np.float32)
    given = {"duration": 2.0, "prompt": "wood", "num_steps": 4, "envelope_lock": 0.0}
    kept = foley.autoencoder.decode(foley._latents(start, 172)).detach()[0, 0, : 2 * RATE].numpy()

    def likeness(strength: float) -> float:
        made = foley.generate(envelope, init_wav=start, init_strength=strength, **given)[0, 0]
        return float(np.corrcoef(centred_rms(made, RATE, 100), centred_rms(kept, RATE, 100))[0, 1])

    assert likeness(0.0) > 0.999
    assert likeness(0.0) > likeness(0.5)
    assert np.array_equal(
        foley.generate(envelope, init_wav=start, init_strength=1.0, **given),
        foley.generate(envelope, **given),
    )


def test_likeness_changes_the_bands_only_where_there_is_a_reference(foley, envelope):
    reference = np.random.default_rng(0).uniform(-0.1, 0.1, (1, RATE)).astype(np.float32)
    for given, same in (({"prompt": "wood"}, True), ({"reference": reference}, False)):
        near, far = (
            foley.generate(envelope, duration=2.0, num_steps=2, likeness=x, **given) for x in (1, 0)
        )
        assert np.array_equal(near, far) is same


def test_another_sampler_can_be_asked_for(foley, envelope, blow):
    given = {"duration": 1.0, "reference": blow, "num_steps": 4}
    usual = foley.generate(envelope, **given)
    assert np.array_equal(foley.generate(envelope, **given, sampler=foley.config.sampler), usual)
    assert not np.allclose(foley.generate(envelope, **given, sampler="dpmpp_2m"), usual)
    with pytest.raises(ValueError, match="sampler is 'euler'; use one of ddim, dpmpp_2m"):
        foley.generate(envelope, **given, sampler="euler")
