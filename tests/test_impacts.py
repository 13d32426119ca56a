"""Struck and scraped models: that they sound like what they are called, and stay themselves."""

import numpy as np
import pytest

from folai.preview.impacts import MATERIALS, Impactor, impact, texture

RATE = 44100


def strikes(material, count=6):
    return [impact(material, rng=np.random.default_rng(seed)) for seed in range(count)]


def centroid(wav):
    """Hz: the power-weighted mean frequency."""
    power = np.abs(np.fft.rfft(wav)) ** 2
    return np.sum(power * np.fft.rfftfreq(wav.size, 1 / RATE)) / power.sum()


def decay(wav):
    """Seconds after which 99 % of the energy has passed."""
    energy = np.cumsum(wav.astype(float) ** 2)
    return np.searchsorted(energy, 0.99 * energy[-1]) / RATE


def median(measure, material):
    return float(np.median([measure(wav) for wav in strikes(material)]))


@pytest.mark.parametrize("material", MATERIALS)
def test_every_material_strikes_and_scrapes(material):
    wav = impact(material, rng=np.random.default_rng(0), level=0.5)
    assert wav.ndim == 1 and wav.dtype == np.float32 and np.isfinite(wav).all()
    assert np.abs(wav).max() == pytest.approx(0.5, abs=1e-5)
    assert np.argmax(np.abs(wav) > 0.1) < 0.004 * RATE  # it starts when it is struck
    assert abs(wav[-1]) < 0.001  # and ends without a click
    rubbed = texture(material, 0.5, rng=np.random.default_rng(0))
    assert rubbed.shape == (RATE // 2,) and np.isfinite(rubbed).all()
    assert np.sqrt(np.mean(rubbed**2)) == pytest.approx(0.1, rel=0.01)


def test_metal_rings_longest_and_glass_longer_than_wood():
    decays = {material: median(decay, material) for material in MATERIALS}
    assert max(decays, key=decays.get) == "metal" and decays["metal"] > 0.15
    assert decays["glass"] > 2 * decays["wood"] > 2 * decays["plastic"] > 0.01
    assert decays["wood"] < 0.1


def test_colour_tells_the_materials_apart():
    bright = {material: median(centroid, material) for material in MATERIALS}
    assert 1000 < bright["glass"] < 8000 and 200 < bright["wood"] < 2500
    assert bright["glass"] > bright["metal"] > bright["wood"] > bright["footstep"] / 1.5
    assert bright["gravel"] > 2 * bright["cloth"] and bright["paper"] > 3 * bright["carpet"]


def test_a_harder_blow_is_brighter():
    thing = Impactor.of("wood", RATE, np.random.default_rng(1))
    soft, hard = (
        np.mean([centroid(thing.strike(np.random.default_rng(s), hardness=h)) for s in range(5)])
        for h in (0.0, 1.0)
    )
    assert hard > 1.3 * soft


def test_one_object_keeps_its_modes_and_varies_its_blows():
    rng = np.random.default_rng(2)
    thing = Impactor.of("metal", RATE, rng)
    first, second = thing.strike(rng), thing.strike(rng)
    assert not np.array_equal(first, second)
    late = [np.abs(np.fft.rfft(wav[4096:], 1 << 17)) for wav in (first, second)]
    lowest = thing.frequencies[np.argmin(thing.decays)]
    near = np.abs(np.fft.rfftfreq(1 << 17, 1 / RATE) - lowest) < 15
    tops = [np.fft.rfftfreq(1 << 17, 1 / RATE)[near][np.argmax(wav[near])] for wav in late]
    assert tops[0] == pytest.approx(tops[1], abs=2.0)


def test_the_same_seed_gives_the_same_sound_and_leaves_the_global_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    twice = [impact("water", rng=np.random.default_rng(7)) for _ in range(2)]
    assert np.array_equal(*twice)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_modes_sound_where_they_are_said_to():
    """The matrix product of tables against the plain sum of damped sines."""
    from folai.preview.impacts import _decaying_tones

    f, d, a = np.array([220.0, 3300.0]), np.array([5.0, 40.0]), np.array([1.0, 0.5])
    wav = _decaying_tones(f, d, a, 0.3, RATE)
    t = np.arange(wav.size)[:, None] / RATE
    assert np.allclose(wav, (a * np.exp(-d * t) * np.sin(2 * np.pi * f * t)).sum(1), atol=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda rng: impact("cheese", rng=rng), "'cheese': choose one of wood, metal"),
        (lambda rng: impact("wood", rng=rng, level=1.5), "level 1.5"),
        (lambda rng: impact("wood", rng=rng, hardness=-1), "hardness -1"),
        (lambda rng: impact("wood", rng=rng, sample_rate=100), "sample_rate 100"),
        (lambda rng: texture("wood", 0.0, rng=rng), "texture of 0.0 s"),
    ],
)
def test_bad_input_says_what_to_do(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call(np.random.default_rng(0))
    assert "\n" not in str(error.value)
