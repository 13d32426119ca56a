"""Stable Audio Open as a whole, tiny and with random weights: against diffusers, and by itself."""

import dataclasses
import os
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch

from folai import Envelope
from folai.diffusion.conditioning import LEVEL
from folai.diffusion.sampling import (
    draw_noise,
    exponential_times,
    logistic_times,
    renoised,
    sample_dpmpp_2m_sde,
    sample_pingpong,
)
from folai.models import bfloat16
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.stable.base_files import load_base, save_base
from folai.stable.control_files import save_control
from folai.stable.control_latents import NO_CONTROL, control_wave, encode_control
from folai.stable.model import Run, StableAudio, load_stable
from folai.stable.prompt_models import load_clap, load_t5
from stable_models import TINY, random_base, save_clap, save_text_model

RATE = 44100


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Of prompts, apart from the user's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_sampler_against_diffusers():
    diffusers = pytest.importorskip("diffusers")
    from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

    theirs = diffusers.CosineDPMSolverMultistepScheduler()
    theirs.set_timesteps(20)
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(1, 8, 24, generator=generator)
    mixer = torch.randn(8, 8, generator=generator) / 3

    def v(noisy, t):  # some smooth function of both
        return torch.tanh(torch.einsum("ij,bjt->bit", mixer, noisy)) * (1 - 0.7 * t) + 0.2 * noisy

    x = noise * theirs.init_noise_sigma
    for t in theirs.timesteps:
        said = v(theirs.scale_model_input(x, t), float(t))
        x = theirs.step(said, t, x, generator=generator).prev_sample

    times = exponential_times(20, 0.3, 500.0)
    assert np.allclose(times[:-1], theirs.timesteps, atol=1e-6)
    tree = BrownianTreeNoiseSampler(noise, 0.3, 500.0, seed=generator.initial_seed())
    ours = sample_dpmpp_2m_sde(
        v, noise, times, "v_prediction", lambda step: tree(*theirs.sigmas[step : step + 2])
    )
    assert (ours - x).abs().max() / x.abs().max() <= 1e-4


def test_the_whole_against_diffusers_pipeline(tmp_path):
    """The same weights, prompt, noise and steps: the same latents, from text to the last step."""
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torchsde")
    save_base(random_base(), tmp_path, "diffusers")
    save_text_model(tmp_path)
    stable = load_stable(tmp_path, text=True)
    config = stable.config
    parts = {
        "vae": diffusers.AutoencoderOobleck.from_pretrained(tmp_path / "vae"),
        "transformer": diffusers.StableAudioDiTModel.from_pretrained(tmp_path / "transformer"),
        "projection_model": diffusers.StableAudioProjectionModel.from_pretrained(
            tmp_path / "projection_model"
        ),
        "scheduler": diffusers.CosineDPMSolverMultistepScheduler(),
        "text_encoder": transformers.T5EncoderModel.from_pretrained(stable.text.encoder),
        "tokenizer": transformers.AutoTokenizer.from_pretrained(stable.text.tokenizer),
    }
    pipeline = diffusers.StableAudioPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    noise = draw_noise([5], config.dit.latent_channels, config.window)
    given = {"prompt": "hit wood", "num_inference_steps": 4, "audio_end_in_s": 2.0}
    for negative in (None, "rain"):
        generator = torch.Generator().manual_seed(9)
        theirs = pipeline(
            **given,
            negative_prompt=negative,
            generator=generator,
            latents=noise.clone(),
            output_type="latent",
        ).audios
        # Their noise of each step is torchsde's; ours is drawn from the same tree here.
        from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

        sigmas = parts["scheduler"].sigmas
        tree = BrownianTreeNoiseSampler(noise, 0.3, 500.0, seed=9)
        wanted, unwanted = stable.tokens(("hit wood", negative), None, guided=True)
        run = Run(stable, wanted, unwanted, 4, 7.0, 2.0)
        with torch.inference_mode():
            ours = sample_dpmpp_2m_sde(
                run.model(0, config.window),
                noise,
                run.times,
                "v_prediction",
                lambda step, tree=tree, sigmas=sigmas: tree(*sigmas[step : step + 2]),
            )
        assert (ours - theirs).abs().max() / theirs.abs().max() <= 1e-4


def test_times_and_where_audio_to_audio_begins():
    times = exponential_times(5, 0.3, 500.0, start=0.5)
    assert times[0] == pytest.approx(0.5) and times[-1] == 0.0 and len(times) == 6
    assert all(before > after for before, after in pairwise(times))
    assert exponential_times(3, 0.3, 500.0, start=0.05)[0] == pytest.approx(0.05)
    flow = logistic_times(8)
    assert flow[0] == 1.0 and flow[-1] == 0.0 and len(flow) == 9
    assert logistic_times(4, start=0.6)[0] == 0.6
    clean, noise = torch.ones(1, 2, 3), torch.zeros(1, 2, 3)
    assert torch.allclose(renoised(clean, noise, 0.5, "v_prediction"), clean * 0.5**0.5)


def test_pingpong_finds_what_the_model_knows():
    target, noise = torch.randn(1, 2, 9), torch.randn(1, 2, 9)
    seen = []

    def flow(noisy, t):
        seen.append(noisy)
        return (noisy - target) / t

    made = sample_pingpong(
        flow, noise, logistic_times(4), "rectified_flow", lambda step: torch.full((1, 2, 9), step)
    )
    assert torch.allclose(made, target, atol=1e-6) and torch.equal(seen[0], noise)
    t = logistic_times(4)[2]
    assert torch.allclose(seen[2], (1 - t) * target + t * 1.0, atol=1e-5)  # step 1's fresh noise


# Conditioning


def test_no_control_is_not_silence():
    codec = random_base().autoencoder
    silence = Envelope(np.zeros(240), 120.0)
    assert NO_CONTROL == -1.0
    assert torch.equal(control_wave(None, 9, RATE, 2), torch.full((1, 2, 9), -1.0))
    assert torch.equal(control_wave(silence, 9, RATE, 2), torch.zeros(1, 2, 9))
    nothing, quiet = encode_control(codec, None, 20), encode_control(codec, silence, 20)
    assert nothing.shape == quiet.shape == (1, 8, 20)
    assert (nothing - quiet).abs().max() > 0.01


def test_the_envelope_is_centred():
    envelope = Envelope.from_hits([0.5], 1.0)
    wave = control_wave(envelope, RATE, RATE, 2, gain=0.5)[0]
    assert torch.equal(wave[0], wave[1])
    peak = int(wave[0].argmax()) / RATE
    assert abs(peak - envelope.values.argmax() / envelope.frame_rate) < 1e-3
    assert float(wave.max()) == pytest.approx(0.5 * envelope.values.max(), rel=1e-3)


def test_prompts(tmp_path):
    pytest.importorskip("transformers")
    save_text_model(tmp_path)
    text = load_t5(tmp_path, 6)
    encoded = text.encode("hit wood")
    assert encoded.shape == (1, 6, 768)
    assert encoded[0, :3].abs().sum(-1).min() > 0 and encoded[0, 3:].abs().max() == 0
    with pytest.warns(UserWarning, match="has 9 tokens and the text model takes 6: 'on gravel"):
        cut = text.encode("footsteps hit wood metal footsteps on gravel rain")
    assert cut.shape == (1, 6, 768)
    with pytest.raises(ValueError, match="prompt is empty"):
        text.encode("  ")
    with pytest.raises(ValueError, match="no T5 text model"):
        load_t5(tmp_path / "tokenizer", 6)
    (tmp_path / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no T5 text model \(.*copy its whole folder"):
        load_t5(tmp_path, 6).encode("hit wood")


def test_a_prompt_is_encoded_once(tmp_path, monkeypatch):
    """What was kept gives the same tokens and warnings; a damaged file is made anew."""
    pytest.importorskip("transformers")
    save_base(random_base(), tmp_path, "diffusers")
    save_text_model(tmp_path)
    long = "footsteps hit wood metal footsteps on gravel rain " * 3
    cache = tmp_path / "cache" / "folai" / "prompts"
    stable = load_stable(tmp_path, text=True)
    first = stable.tokens(("hit wood", "rain"), None, guided=True)
    with pytest.warns(UserWarning, match="has 25 tokens and the text model takes 16") as told:
        cut = stable.text.encode(long)
    assert len(list(cache.iterdir())) == 3
    assert torch.equal(cut, load_t5(tmp_path, 16).encode(long))
    again = load_stable(tmp_path, text=True)
    with monkeypatch.context() as patch:
        missing = lambda: pytest.fail("loaded")  # noqa: E731
        patch.setattr("folai.stable.prompt_models.import_transformers", missing)
        second = again.tokens(("hit wood", "rain"), None, guided=True)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        with pytest.warns(UserWarning) as told_again:
            assert torch.equal(again.text.encode(long), cut)
        assert str(told_again[0].message) == str(told[0].message)
        with pytest.raises(pytest.fail.Exception, match="loaded"):
            again.text.encode("hit metal")
    for file in cache.iterdir():
        file.write_bytes(b"cut off")
    assert torch.equal(again.tokens(("hit wood", None), None, guided=False)[0], first[0])
    os.utime(tmp_path / "text_encoder" / "model.safetensors", (1, 1))  # another text model
    again.text.encode("hit wood")
    assert len(list(cache.iterdir())) == 4


def test_clap_hears_and_reads(tmp_path):
    pytest.importorskip("transformers")
    save_clap(tmp_path)
    clap = load_clap(tmp_path)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (2, RATE)).astype(np.float32)
    tone = 0.3 * np.sin(np.arange(RATE) * 0.1).astype(np.float32)[None]
    heard = [clap.hear(wav, RATE) for wav in (noise, tone)]
    read = clap.read("hit wood")
    for vector in (*heard, read):
        assert vector.shape == (1, 512) and float(vector.norm()) == pytest.approx(1.0)
    assert not torch.allclose(*heard, atol=1e-3)
    with pytest.raises(ValueError, match="no CLAP model"):
        load_clap(tmp_path / "no")


# Running it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("model")
    save_base(random_base(), folder, "diffusers")
    save_text_model(folder)
    return folder


def write_control(path, clap, **config):
    torch.manual_seed(6)
    net = StableControlNet(StableControlConfig(0.4, clap=clap, **config), TINY.dit)
    net.copy_from(random_base().dit)
    for parameter in (net.look.weight, *(layer.weight for layer in net.outward)):
        torch.nn.init.normal_(parameter, 0, 0.05)
    save_control(path, net, {})
    return path


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return write_control(tmp_path_factory.mktemp("control") / "control.safetensors", clap=False)


@pytest.fixture
def envelope():
    return Envelope.from_hits([0.4, 1.1], 2.5)


def test_a_prompt_gives_stereo_as_long_as_the_clip(folder, envelope):
    stable = load_stable(folder, text=True)
    options = {"duration": 2.5, "prompt": "hit wood", "num_steps": 2}
    both = stable.generate(envelope, **options, seed=3, variations=2)
    assert both.shape == (2, 2, round(2.5 * RATE)) and both.dtype == np.float32
    assert np.isfinite(both).all() and not np.array_equal(both[0], both[1])
    assert np.array_equal(stable.generate(envelope, **options, seed=4)[0], both[1])
    other = stable.generate(envelope, **{**options, "prompt": "rain"}, seed=3)
    assert not np.allclose(other[0], both[0], atol=1e-3)
    negative = stable.generate(envelope, **options, negative_prompt="rain", seed=3)
    assert not np.allclose(negative[0], both[0], atol=1e-3)
    silent = Envelope(np.zeros(300), 120.0)
    assert not stable.generate(silent, **options).any()


def test_what_is_computed_and_how_often(folder, control, envelope, monkeypatch):
    """Keys and values once a clip, guidance and control only where there is some."""
    stable = load_stable(folder, control=control, text=True)
    calls = {"denoiser": [], "control": 0, "memory": 0}
    trunk = type(stable.dit.trunk)
    begin, remember, net = trunk.begin, trunk.remember, StableControlNet.forward

    def counted_begin(self, latents, *given):
        if self is stable.dit.trunk:
            calls["denoiser"].append(tuple(latents.shape))
        return begin(self, latents, *given)

    def counted_remember(self, tokens):
        calls["memory"] += 1
        return remember(self, tokens)

    def counted_net(self, *given):
        calls["control"] += 1
        return net(self, *given)

    monkeypatch.setattr(trunk, "begin", counted_begin)
    monkeypatch.setattr(trunk, "remember", counted_remember)
    monkeypatch.setattr(StableControlNet, "forward", counted_net)
    options = {"duration": 2.5, "prompt": "hit wood", "num_steps": 4}
    stable.generate(envelope, **options)
    frames = -(-round(2.5 * RATE) // 512)
    assert calls["denoiser"] == [(2, 8, frames)] * 4  # as long as the clip, not the window
    assert calls["memory"] == 2  # of the denoiser and of the ControlNet
    assert calls["control"] == 4
    calls["denoiser"].clear()
    stable.generate(envelope, **options, cfg_scale=1.0, control_scale=0.0)
    assert calls["denoiser"] == [(1, 8, frames)] * 4 and calls["control"] == 4


def test_the_envelope_steers(folder, control, envelope):
    stable = load_stable(folder, control=control, text=True)
    options = {"duration": 2.5, "prompt": "hit wood", "num_steps": 2, "envelope_lock": 0.0}
    one = stable.generate(envelope, **options)
    other = stable.generate(Envelope.from_hits([1.8], 2.5), **options)
    assert not np.allclose(one, other, atol=1e-3)
    off = {**options, "control_scale": 0.0}
    without = dataclasses.replace(stable, controlnet=None)
    assert np.array_equal(stable.generate(envelope, **off), without.generate(envelope, **options))


def test_a_reference_is_heard_by_clap_and_a_prompt_read(folder, envelope, tmp_path):
    save_clap(tmp_path)
    control = write_control(tmp_path / "control.safetensors", clap=True)
    stable = load_stable(folder, control=control, clap=tmp_path, reference=True, text=True)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, RATE)).astype(np.float32)
    tone = 0.3 * np.sin(np.arange(RATE) * 0.1).astype(np.float32)[None]
    tokens = [stable.tokens((None, None), wav, guided=True) for wav in (noise, tone)]
    tokens += [stable.tokens((text, None), None, guided=True) for text in ("hit", "wood")]
    for wanted, unwanted in tokens:
        assert wanted.shape == unwanted.shape and not unwanted.any()
        assert wanted[:, -1].any()
    assert [len(wanted[0]) for wanted, _ in tokens] == [1, 1, 17, 17]  # T5's and CLAP's
    assert not torch.equal(tokens[0][0], tokens[1][0])
    assert not torch.equal(tokens[2][0][:, -1], tokens[3][0][:, -1])
    wav = stable.generate(envelope, duration=2.0, reference=noise, num_steps=1)
    assert np.isfinite(wav).all() and wav.any()


@pytest.mark.parametrize("guided", [False, True])
def test_a_controlnet_trained_without_tokens_of_seconds(folder, envelope, tmp_path, guided):
    """Its reference's token is the only one; with nothing to hear one of 0 stands in for it."""
    save_clap(tmp_path)
    control = write_control(tmp_path / "control.safetensors", clap=True, seconds_tokens=False)
    stable = load_stable(folder, control=control, clap=tmp_path, reference=True)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, RATE)).astype(np.float32)
    for reference, wanted in ((noise, True), (None, False)):
        parts = stable.tokens((None, None), reference, guided)
        tokens, seconds = Run(stable, *parts, 1, 2.0, 2.0)._conditioning(0.0)
        assert tokens.shape == (1, 1, 32) and bool(tokens.any()) == wanted
        assert len(seconds) == 1 + guided
        options = {"duration": 2.0, "num_steps": 1, "cfg_scale": 2.0 if guided else 1.0}
        wav = stable.generate(envelope, **options, reference=reference)
        assert np.isfinite(wav).all() and wav.any()


def test_audio_to_audio(folder, envelope):
    stable = load_stable(folder, text=True)
    codec = stable.autoencoder
    init = np.random.default_rng(1).uniform(-0.2, 0.2, (1, round(2.5 * RATE))).astype(np.float32)
    options = {"duration": 2.5, "prompt": "hit wood", "num_steps": 3, "envelope_lock": 0.0}
    noise = stable.generate(envelope, **options)
    assert np.array_equal(stable.generate(envelope, **options, init_wav=init), noise)  # strength 1
    near = stable.generate(envelope, **options, init_wav=init, init_strength=0.001)
    with torch.inference_mode():
        level = LEVEL / float(envelope.values.max())  # to that of training
        stereo = level * torch.from_numpy(np.concatenate([init, init]))[None]
        decoded = codec.decode(codec.encode(stereo))[0, :, : near.shape[-1]].numpy()
    kept, lost = (np.corrcoef(decoded.ravel(), wav.ravel())[0, 1] for wav in (near, noise))
    assert kept > 0.999 and abs(lost) < 0.95


def test_longer_than_trained_is_done_in_windows(folder):
    stable = load_stable(folder, text=True)
    long = Envelope.from_hits([0.5, 4.0], 6.0)
    with pytest.warns(UserWarning, match="6 s are more than the 3 s .* windows that overlap"):
        wav = stable.generate(long, duration=6.0, prompt="hit wood", num_steps=1)
    assert wav.shape == (1, 2, 6 * RATE) and np.isfinite(wav).all()


@pytest.fixture
def evaluations(monkeypatch):
    """The times at which the denoiser was asked."""
    times, forward = [], type(random_base().dit).forward

    def counted(self, latents, time, *given):
        times.append(float(time[0]))
        return forward(self, latents, time, *given)

    monkeypatch.setattr(type(random_base().dit), "forward", counted)
    return times


@pytest.mark.parametrize("start", [None, 0.4])
@pytest.mark.parametrize(("duration", "windows"), [(2.5, 1), (6.0, 3)])
def test_progress_is_told_after_each_evaluation(folder, evaluations, start, duration, windows):
    stable, told = load_stable(folder), []
    options = {"duration": duration, "num_steps": 3, "cfg_scale": 1.0, "variations": 2}
    if start is not None:
        options |= {"init_wav": np.full((1, RATE), 0.1, np.float32), "init_strength": start}

    def progress(share):
        told.append(share)
        assert len(told) == len(evaluations)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = stable.generate(Envelope.from_hits([0.5], duration), **options)
        evaluations.clear()
        wav = stable.generate(Envelope.from_hits([0.5], duration), **options, progress=progress)
    total = 2 * windows * 3
    assert told == [(step + 1) / total for step in range(total)]
    assert np.array_equal(wav, plain)


def test_progress_of_silence_and_of_few_steps(tmp_path, folder, envelope):
    told = []
    silent = Envelope(np.zeros(300), 120.0)
    load_stable(folder).generate(silent, duration=2.5, progress=told.append)
    assert told == [1.0]
    config = dataclasses.replace(TINY, objective="rectified_flow", distilled=True)
    save_base(random_base(config), tmp_path, "tools")
    options = {"duration": 2.5, "cfg_scale": 1.0, "num_steps": 2}
    load_stable(tmp_path).generate(envelope, **options, progress=told.append)
    assert told == [1.0, 0.5, 1.0]


def test_what_progress_raises_stops_the_work_within_a_step(folder, evaluations, envelope):
    class Stop(Exception):
        pass

    def stop(share):
        if share > 0.3:
            raise Stop

    options = {"duration": 2.5, "num_steps": 5, "cfg_scale": 1.0, "variations": 2}
    with pytest.raises(Stop):
        load_stable(folder).generate(envelope, **options, progress=stop)
    assert len(evaluations) == 4


def test_half_precision(folder, control, envelope):
    stable = load_stable(folder, control=control, text=True, dtype="bfloat16")
    options = {"duration": 2.0, "prompt": "hit wood", "num_steps": 2, "cfg_scale": 1.0}
    half = stable.generate(envelope, **options)
    whole = load_stable(folder, control=control, text=True).generate(envelope, **options)
    assert np.corrcoef(half.ravel(), whole.ravel())[0, 1] > 0.98
    with pytest.raises(ValueError, match="dtype is 'int8'; allowed: float32, bfloat16"):
        load_stable(folder, dtype="int8")


@pytest.mark.parametrize("has", [True, False])
def test_half_precision_is_decoded_in_it(monkeypatch, has):
    """On a CPU with instructions for it the sound is near that of float32, else the same."""
    monkeypatch.setattr(bfloat16, "_cpu_has_instructions", lambda: has)
    base = random_base()
    latents = torch.randn(1, base.config.dit.latent_channels, 40)
    stable = StableAudio(base.config, base.dit, base.autoencoder, base.seconds)
    with torch.inference_mode():
        exact = stable.decode(latents)
        base.dit.to(torch.bfloat16)
        rounded = stable.decode(latents)
    assert rounded.dtype == torch.float32
    noise = (rounded - exact).square().mean() / exact.square().mean()
    assert (0 < noise < 0.003) if has else noise == 0  # 25 dB below it


def test_the_distilled_model(tmp_path, envelope):
    config = dataclasses.replace(TINY, objective="rectified_flow", distilled=True)
    save_base(random_base(config), tmp_path, "tools")
    save_text_model(tmp_path)
    stable = load_stable(tmp_path, text=True)
    wav = stable.generate(envelope, duration=2.5, prompt="rain", num_steps=2, cfg_scale=1.0)
    assert wav.shape == (1, 2, round(2.5 * RATE)) and np.isfinite(wav).all()


def test_a_prompt_needs_its_model(folder, envelope):
    base = load_base(folder)
    stable = StableAudio(base.config, base.dit, base.autoencoder, base.seconds)
    with pytest.raises(ValueError, match="loaded without its text model"):
        stable.generate(envelope, duration=2.0, prompt="rain", num_steps=1)
