"""Several clips in one denoising batch: each gets the take that it gets alone."""

from functools import partial

import numpy as np
import pytest
import torch

from folai import Envelope
from folai.diffusion.foley_files import load_foley
from folai.diffusion.options import DiffusionOptions
from folai.diffusion.together import Together
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.stable.model import StableAudio
from stable_models import TINY, random_base

CLOSE = 3e-5  # of full scale, -90 dB: what another batch changes on a CPU


def apart(ours, theirs):
    """The largest difference of any sample, of takes of one length."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())


# ---- taking turns


def test_all_are_answered_in_one_batch():
    together, batches = Together(), []

    def double(numbers):
        batches.append(list(numbers))
        return [2 * number for number in numbers]

    def task(number, times):
        said = []
        for _ in range(times):
            said.append(together.ask("double", number, double))
            assert together.current == number
        return said

    assert together.do([partial(task, n, n) for n in (0, 1, 2, 3)]) == [
        [], [2], [4, 4], [6, 6, 6]
    ]  # fmt: skip
    assert batches == [[1, 2, 3], [2, 3], [3]]


def test_what_is_not_alike_is_answered_apart_and_an_error_meets_its_own_task():
    together, batches = Together(), []

    def half(numbers):
        batches.append(list(numbers))
        if 13 in numbers:
            raise ValueError("13 has no half")
        return [number / 2 for number in numbers]

    def task(key, number):
        try:
            return together.ask(key, number, half)
        except ValueError as error:
            return str(error)

    asked = [("a", 4), ("b", 6), ("a", 13), ("a", 8)]
    answers = together.do([partial(task, *question) for question in asked])
    assert answers == [2, 3, "13 has no half", 4]
    assert batches == [[4, 13, 8], [4], [13], [8], [6]]
    with pytest.raises(ZeroDivisionError):
        together.do([lambda: 1, lambda: 1 // 0])


# ---- the small model


@pytest.fixture(scope="module")
def foley():
    return load_foley()


@pytest.fixture(scope="module")
def asked():
    """Five clips of lengths of their own, with prompts and references; one is of two windows."""
    rng = np.random.default_rng(0)
    blow = (rng.uniform(-0.5, 0.5, (1, 13_000)) * np.exp(-np.arange(13_000) / 1300)).astype("f4")
    hints = [
        {"prompt": "hit wood"},
        {"reference": blow},
        {"prompt": "footsteps on gravel", "negative_prompt": "water"},
        {"reference": blow[:, :5000], "prompt": "metal", "options": {"control_scale": 0.7}},
        {"prompt": "hit metal", "options": {"num_steps": 3, "cfg_scale": 1.0}},
    ]
    durations = (1.2, 2.5, 3.13, 2.0, 6.5)
    return [
        {
            "envelope": Envelope.from_hits([0.3, 0.9], duration),
            "duration": duration,
            "seed": seed,
            **hint,
            "options": DiffusionOptions(**{"num_steps": 2, **hint.get("options", {})}),
        }
        for seed, (duration, hint) in enumerate(zip(durations, hints, strict=True))
    ]


def takes_of(foley, asked):
    together = Together()

    def take(envelope, **given):
        return next(iter(foley.takes(envelope, **given, together=together)))

    return together.do([partial(take, **given) for given in asked])


@pytest.fixture(scope="module")
def alone(foley, asked):
    return [next(iter(foley.takes(**given))) for given in asked]


@pytest.mark.parametrize("chosen", [[0], [1, 0], [4, 2, 0, 3, 1]])
def test_a_take_does_not_depend_on_its_batch(foley, asked, alone, chosen, monkeypatch):
    rows = []
    forward = type(foley.dit).forward

    def counted(self, latents, *given):
        rows.append(len(latents))
        return forward(self, latents, *given)

    monkeypatch.setattr(type(foley.dit), "forward", counted)
    made = takes_of(foley, [asked[index] for index in chosen])
    for index, take in zip(chosen, made, strict=True):
        assert apart(take, alone[index]) <= (CLOSE if len(chosen) > 1 else 0)
        assert np.abs(take).max() > 0.01
    assert len(rows) == (2 if max(chosen) < 4 else 6)  # the last clip: two windows of three steps
    assert rows[0] >= len(chosen)


# ---- at full size


@pytest.fixture(scope="module")
def stable():
    base = random_base()
    torch.manual_seed(6)
    net = StableControlNet(StableControlConfig(0.4, clap=False), TINY.dit)
    net.copy_from(base.dit)
    for parameter in (net.look.weight, *(layer.weight for layer in net.outward)):
        torch.nn.init.normal_(parameter, 0, 0.05)
    return StableAudio(TINY, base.dit, base.autoencoder, base.seconds, net.eval(), None, None)


def test_the_same_at_full_size(stable, monkeypatch):
    """Clips of different lengths, guided, with an envelope or without one."""
    monkeypatch.setattr(
        StableAudio, "_text", lambda self, text: torch.full((1, 3, 32), len(text) / 10)
    )
    asked = [
        {"duration": 2.5, "prompt": "wood", "cfg_scale": 3.0},
        {"duration": 2.9, "prompt": "metal", "cfg_scale": 5.0},
        {"duration": 2.5, "prompt": "rain", "negative_prompt": "wood"},
        {"duration": 2.7, "prompt": "rain", "negative_prompt": "metal"},
        {"duration": 2.2, "prompt": "steps", "control_scale": 0.0},
    ]
    batches = []
    begin = type(stable.dit.trunk).begin

    def counted(self, latents, *given):
        if self is stable.dit.trunk:
            batches.append(len(latents))
        return begin(self, latents, *given)

    def take(number, together=None):
        envelope = Envelope.from_hits([0.4, 1.1], asked[number]["duration"])
        given = {"num_steps": 2, "seed": number, "together": together, **asked[number]}
        return stable.generate(envelope, **given)[0]

    alone = [take(number) for number in range(5)]
    monkeypatch.setattr(type(stable.dit.trunk), "begin", counted)
    together = Together()
    made = together.do([partial(take, number, together) for number in range(5)])
    for one, other in zip(made, alone, strict=True):
        assert apart(one, other) <= 10 * CLOSE  # random weights magnify rounding
        assert np.abs(one).max() > 0.01
    assert batches == [4, 4, 2] * 2
