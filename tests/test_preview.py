"""The preview engine: events on the onsets, as loud as asked, never the same twice running."""

from itertools import pairwise

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.envelope.rms import centred_rms
from folai.preview.events import cut_events
from folai.preview.impacts import MATERIALS
from folai.preview.kit import SAMPLE_RATE
from folai.preview.lay import lay

RATE = SAMPLE_RATE
TIMES = np.array([0.3, 0.75, 1.1, 1.62, 2.05, 2.5])


def hits(level=0.05, duration=3.0):
    return Envelope.from_hits([(float(t), level) for t in TIMES], duration)


def click(seconds=0.2, lead=0.05, decay=0.02, seed=0):
    """Noise that begins at full force `lead` seconds into the sound and dies away, [1, T]."""
    t = np.arange(round(seconds * RATE)) / RATE - lead
    noise = np.sign(np.random.default_rng(seed).standard_normal(t.size))
    return (0.5 * noise * np.where(t >= 0, np.exp(-t / decay), 0))[None].astype(np.float32)


def scrape(start=0.5, stop=2.5, level=0.05, duration=3.0):
    values = np.zeros(round(duration * 120), np.float32)
    values[round(start * 120) : round(stop * 120)] = level
    return Envelope(values, 120.0, np.zeros(0))


def likeness(envelope, wav):
    """Correlation of the square roots of the asked and the measured RMS."""
    got = centred_rms(wav, RATE, envelope.frame_rate)
    return np.corrcoef(np.sqrt(envelope.values), np.sqrt(got))[0, 1]


def test_events_of_a_reference_begin_on_their_samples():
    reference = np.concatenate([click(0.4, seed=seed) for seed in range(3)], axis=1)
    events = cut_events(reference, RATE)
    assert len(events) == 3
    for event in events:
        loud = np.abs(event.samples[0]) > 0.3
        assert np.argmax(loud) == event.onset
        assert not event.is_sustained and 0.02 < event.decay < 0.1


def test_a_steady_reference_is_one_sustained_event():
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, RATE))
    events = cut_events(noise, RATE)
    assert len(events) == 1 and events[0].is_sustained


def test_a_reference_that_fades_in_is_played_from_where_it_is_loud():
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)) * np.linspace(0, 1, RATE) ** 2
    (event,) = cut_events(noise, RATE)
    assert event.level > 0.01
    assert likeness(hits(), lay(hits(), reference=noise)) > 0.9


def test_onsets_at_one_time_and_at_the_end_do_no_harm():
    envelope = hits().with_onsets([0.3, 0.3, 0.31, 3.0])
    assert np.isfinite(lay(envelope, reference=click())).all()


def test_an_attack_lies_on_its_onset_to_the_sample():
    wav = lay(hits(), reference=click())
    for time in TIMES:
        first = round(time * RATE)
        before = np.abs(wav[0, first - 400 : first - 2]).max()
        assert np.abs(wav[0, first : first + 3]).max() > 10 * before


@pytest.mark.parametrize("sound", ["wood", "metal", "water"])
def test_onsets_measured_again_are_the_onsets_asked_for(sound):
    envelope = hits()
    again = Envelope.from_audio(lay(envelope, sound=sound), RATE).onsets
    late = [again[np.argmin(np.abs(again - t))] - t for t in TIMES]
    assert np.abs(np.median(late)) < 0.003 and np.abs(late).max() < 0.012


def test_no_two_events_in_a_row_are_alike():
    for kind in ({"reference": click()}, {"sound": "wood"}):
        wav = lay(hits(), **kind)[0]
        takes = [wav[round(t * RATE) :][: RATE // 20] for t in TIMES]
        for one, other in pairwise(takes):
            assert np.abs(one - other).max() > 0.02 * np.abs(one).max()


def test_each_hit_is_as_loud_as_asked():
    levels = [0.01, 0.05, 0.02, 0.04, 0.03, 0.015]
    envelope = Envelope.from_hits(list(zip(TIMES.tolist(), levels, strict=True)), 3.0)
    got = centred_rms(lay(envelope, reference=click(decay=0.08)), RATE, 120.0)
    for time, level in zip(TIMES, levels, strict=True):
        first = round(time * 120)
        assert 20 * np.log10(got[first : first + 8].max() / level) == pytest.approx(0, abs=1.5)


def test_a_louder_hit_is_brighter():
    envelope = Envelope.from_hits([(0.2, 0.005), (0.7, 0.05)], 1.2)
    wav = lay(envelope, reference=click(decay=0.08))[0]
    spectra = [np.abs(np.fft.rfft(wav[round(t * RATE) :][:4096])) ** 2 for t in (0.2, 0.7)]
    soft, loud = (power[600:].sum() / power[:100].sum() for power in spectra)
    assert loud > 1.5 * soft


@pytest.mark.parametrize("kind", [{"reference": click()}, {"sound": "wood"}, {"sound": "gravel"}])
def test_sustained_parts_are_filled_and_follow(kind):
    envelope = scrape()
    wav = lay(envelope, **kind)
    got = centred_rms(wav, RATE, 120.0)
    held = got[72:288]
    assert 20 * np.log10(np.median(held) / 0.05) == pytest.approx(0, abs=2)
    assert held.min() > 0.015 and got[:50].max() < 0.005 and got[320:].max() < 0.005
    assert likeness(envelope, wav) > 0.95


@pytest.mark.parametrize("sound", MATERIALS)
def test_every_sound_follows_without_clipping(sound):
    envelope = hits(level=0.4)
    wav = lay(envelope, sound=sound)
    assert wav.shape == (1, 3 * RATE) and wav.dtype == np.float32
    assert np.isfinite(wav).all() and 0.1 < np.abs(wav).max() < 0.991
    assert likeness(envelope, wav) > 0.9


def test_silence_stays_silent_and_so_does_the_room():
    silence = Envelope(np.zeros(120, np.float32), 120.0, np.zeros(0))
    assert not lay(silence, sound="wood").any()
    room = Envelope(np.maximum(hits().values, 0.0002), 120.0, TIMES)
    assert not lay(room, sound="wood")[0, : round(0.25 * RATE)].any()


def test_an_onset_without_sound_stays_silent():
    assert not lay(Envelope(np.zeros(120, np.float32), 120.0, [0.5]), sound="wood").any()


def test_the_seed_decides_and_nothing_else():
    envelope = hits()
    np.random.seed(1)  # noqa: NPY002
    first = lay(envelope, reference=click(), seed=3)
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(first, lay(envelope, reference=click(), seed=3))
    assert not np.array_equal(first, lay(envelope, reference=click(), seed=4))


def test_a_stereo_reference_stays_stereo_and_unchanged():
    reference = np.concatenate([click(), 0.5 * click()])
    kept = reference.copy()
    wav = lay(hits(), reference=reference)
    assert wav.shape == (2, 3 * RATE) and np.array_equal(reference, kept)
    powers = np.mean(wav**2, axis=1)
    assert powers[0] / powers[1] == pytest.approx(4, rel=0.05)


def test_any_rates_will_do():
    envelope = hits().resample(60.0)
    wav = lay(envelope, sound="glass", sample_rate=16000)
    assert wav.shape == (1, round(envelope.duration * 16000)) and wav.any()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({}, "either a reference or a sound: one of wood"),
        ({"sound": "wood", "reference": click()}, "either a reference or a sound"),
        ({"sound": "cheese"}, "'cheese': choose one of wood"),
        ({"reference": np.ones((1, 1000))}, "lasts 23 ms: give at least 50 ms"),
        ({"reference": np.zeros((1, RATE))}, "silent"),
        ({"reference": np.full((1, RATE), np.nan)}, "NaN"),
        ({"reference": np.ones((RATE, 2))}, r"shape \(44100, 2\)"),
    ],
)
def test_bad_input_says_what_to_do(kind, words):
    with pytest.raises(ValueError, match=words) as error:
        lay(hits(), **kind)
    assert "\n" not in str(error.value)
