"""What every take passes through: noise out, gate, one loudness, no overs, its place."""

import numpy as np
import pytest

from folai import GenerateOptions
from folai.envelope import Envelope
from folai.envelope.lone_hits import lone_hits
from folai.envelope.rms import centred_rms
from folai.metrics import loudness, partials, tonality
from folai.metrics.lufs import k_filtered, k_weighted
from folai.pipeline import play_envelope
from folai.preview.events import cut_events, goes_on
from folai.preview.kit import make_kit
from folai.preview.lay import lay_kit
from folai.takes.finish import finished
from folai.takes.gate import gated
from folai.takes.loudness import LOUDEST, loudness_of, wanted_loudness
from folai.takes.noise import bed, without_noise
from folai.takes.options import FinishOptions
from folai.takes.own_hits import with_own_hits
from folai.takes.placing import placed
from folai.takes.ringing import find_modes, ring
from folai.takes.true_peak import limited, true_peak

RATE = 44_100
TIMES = (0.5, 1.4, 2.6, 4.0)


def hits(levels=(0.1, 0.05, 0.12, 0.08)):
    return Envelope.from_hits(list(zip(TIMES, levels, strict=True)), 5.0)


def bursts(times=(0.2, 1.2, 2.2), seconds=3.0, decay=0.03, seed=0):
    """Noise that begins at full force at each time and dies away, [1, T]."""
    rng, wav = np.random.default_rng(seed), np.zeros((1, round(seconds * RATE)), np.float32)
    for time in times:
        length = round(0.4 * RATE)
        fading = np.exp(-np.arange(length) / (decay * RATE))
        first = round(time * RATE)
        part = wav[0, first : first + length]
        part += (0.4 * rng.standard_normal(length) * fading)[: part.size].astype(np.float32)
    return wav


def hiss(wav, decibels, seed=1):
    """Pink noise from 100 Hz, that far below the highest RMS over 32 ms of a sound."""
    shape = 1 / np.sqrt(np.maximum(np.fft.rfftfreq(wav.shape[1], 1 / RATE), 100))
    white = np.random.default_rng(seed).standard_normal(wav.shape[1])
    noise = np.fft.irfft(np.fft.rfft(white) * shape, wav.shape[1])
    level = centred_rms(wav, RATE, 250.0).max() * 10 ** (decibels / 20)
    return (level * noise / noise.std()).astype(np.float32)[None]


def db(ratio):
    return 20 * np.log10(np.maximum(ratio, 1e-9))


def between_hits(wav):
    """Highest RMS of 32 ms between the hits, from 0.5 s after each, re the loudest: dB."""
    level = centred_rms(wav, RATE, 250.0)
    ends = (*TIMES[1:], 5.0)
    parts = [
        level[round((a + 0.5) * 250) : round((b - 0.02) * 250)]
        for a, b in zip(TIMES, ends, strict=True)
    ]
    return db(np.concatenate([level[: round(0.47 * 250)], *parts]).max() / level.max())


# ---- noise


@pytest.mark.parametrize("decibels", [-30, -45])
def test_noise_is_taken_out_and_known(decibels):
    clean = bursts()
    cleaned, noise = without_noise(clean + hiss(clean, decibels), RATE)
    assert db(noise.level) == pytest.approx(decibels, abs=0.7)
    for time in (0.2, 1.2, 2.2):  # attacks stay as they were
        part = slice(round(time * RATE), round((time + 0.05) * RATE))
        error = np.sum((cleaned - clean)[0, part] ** 2) / np.sum(clean[0, part] ** 2)
        assert 10 * np.log10(error) < decibels + 6
    gap = slice(round(0.7 * RATE), round(1.1 * RATE))
    assert db(np.std(cleaned[0, gap]) / np.std(hiss(clean, decibels)[0, gap])) < -15


def test_a_sound_without_pauses_or_noise_is_left_as_it_is():
    steady = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    for wav in (steady, bursts()):
        same, noise = without_noise(wav, RATE)
        assert noise is None and same is wav


def test_a_bed_has_the_colour_and_level_that_are_asked_for():
    clean = bursts()
    _, noise = without_noise(clean + hiss(clean, -40), RATE)
    wav = bed(noise, RATE, 0.01, seed=3)
    assert np.std(wav) == pytest.approx(0.01, rel=1e-3)
    again, other = without_noise(np.concatenate([wav * 0, wav], axis=1), RATE), bed
    assert np.array_equal(wav, other(noise, RATE, 0.01, seed=3)) and again
    power = np.abs(np.fft.rfft(wav[0])) ** 2
    low, high = power[200:400].mean(), power[4000:8000].mean()
    assert 10 * np.log10(low / high) == pytest.approx(13, abs=2)  # pink: 300 against 6000 Hz


@pytest.mark.parametrize("engine", [{"engine": "preview"}, {"num_steps": 2}])
def test_between_events_there_is_silence_or_the_references_room(engine):
    clean = bursts()
    reference = clean + hiss(clean, -35)
    given = {"reference": reference, "tails": "envelope", **engine}
    silent = play_envelope(hits(), GenerateOptions.of(**given)).wav
    assert between_hits(silent) < -60
    room = play_envelope(hits(), GenerateOptions.of(**given, room=1.0)).wav
    assert between_hits(room) == pytest.approx(-35, abs=3)


def test_room_is_that_of_a_reference():
    with pytest.raises(ValueError, match=r"room is 0\.5, and it is that of a reference"):
        GenerateOptions.of(prompt="hit wood", room=0.5)


# ---- gate


def test_the_gate_opens_just_before_an_onset_and_closes():
    gains = gated(np.ones((1, 5 * RATE), np.float32), RATE, hits())[0]
    for time in TIMES:
        at = round(time * RATE)
        assert gains[at - round(0.005 * RATE)] == 0
        assert gains[at - round(0.0015 * RATE) : at + round(0.1 * RATE)].min() > 0.95
    assert gains[-1] == 0 and not gated(np.ones((1, RATE)), RATE, hits().gain(-400)).all()


# ---- loudness


def test_loudness_is_that_of_the_standard():
    wav = bursts(seconds=20.0, times=np.arange(0.2, 19.5, 0.7))
    assert loudness_of(wav, RATE) == pytest.approx(loudness(wav, RATE), abs=0.01)
    both = np.repeat(wav, 2, axis=0)  # mono is played by both loudspeakers
    assert loudness_of(both, RATE) == pytest.approx(loudness_of(wav, RATE), abs=1e-4)
    assert loudness_of(np.zeros((1, 99), np.float32), RATE) == -np.inf


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_loudness_is_weighted_alike_by_either_way(rate):
    wav = np.random.default_rng(0).normal(0, 0.1, (2, 2 * rate))
    assert np.abs(k_filtered(wav, rate) - k_weighted(wav, rate)).max() < 1e-9


def test_takes_and_preview_are_alike_in_loudness():
    sounds = [
        {"engine": "preview", "reference": bursts()},
        {"engine": "preview", "sound": "metal"},
        {"engine": "preview", "sound": "water", "variations": 2},
        {"prompt": "hit wood", "num_steps": 2, "variations": 2},
    ]
    for envelope in (hits(), hits().gain(-20), hits().gain(20)):
        found = [
            loudness(wav, RATE)
            for sound in sounds
            for wav in play_envelope(envelope, GenerateOptions.of(**sound)).takes
        ]
        assert np.ptp(found) < 0.5 and found[0] == pytest.approx(wanted_loudness(envelope), abs=0.5)


def test_louder_envelopes_ask_for_more_until_peaks_need_the_room():
    quiet, loud = hits((0.01,) * 4), hits((0.02,) * 4)
    assert wanted_loudness(loud) - wanted_loudness(quiet) == pytest.approx(db(2), abs=1e-3)
    most = quiet.gain(float(db(LOUDEST / quiet.values.max())))
    assert wanted_loudness(most.gain(12)) == pytest.approx(wanted_loudness(most), abs=1e-3)


# ---- true peak


def test_a_peak_between_samples_is_found():
    sine = np.sin(2 * np.pi * 11_025 * np.arange(RATE) / RATE + np.pi / 4)
    fades = np.minimum(1, np.minimum(np.arange(RATE), np.arange(RATE)[::-1]) / 2000)
    wav = (sine * fades)[None].astype(np.float32)
    assert np.abs(wav).max() < 0.71 and true_peak(wav) == pytest.approx(1, abs=0.01)


def test_the_limiter_keeps_below_the_ceiling_and_attacks_in_place():
    from scipy.signal import resample_poly

    wav = 0.2 * bursts()
    for time in (0.2, 1.2, 2.2):
        wav[0, round(time * RATE) :][:3] += (1.0, 2.0, 1.0)
    made = limited(wav, RATE)
    curve = np.abs(resample_poly(made[0].astype(np.float64), 4, 1)).max()
    assert db(curve) < -1 and db(true_peak(made)) == pytest.approx(-1.2, abs=0.3)
    for time in (0.2, 1.2, 2.2):
        first = round(time * RATE)
        before, after = (np.abs(x[0, first - 200 : first + 900]).argmax() for x in (wav, made))
        assert before == after
        assert made[0, first + RATE // 5] == wav[0, first + RATE // 5]  # the gain has recovered
    assert np.array_equal(limited(0.1 * wav, RATE), 0.1 * wav)


@pytest.mark.parametrize(
    "engine", [{"engine": "preview", "sound": "glass"}, {"prompt": "hit metal"}]
)
def test_no_take_is_over(engine):
    wav = play_envelope(hits((0.9,) * 4), GenerateOptions.of(**engine)).wav
    assert db(true_peak(wav)) <= -1


# ---- tails


def test_hits_are_alone_where_nothing_follows():
    envelope = Envelope.from_hits([(0.3, 0.1), (0.45, 0.1), (1.5, 0.1), (2.5, 0.05)], 4.0)
    lone = lone_hits(envelope)
    assert [hit.onset for hit in lone] == [0.45, 1.5, 2.5]
    assert lone[0].stop == pytest.approx(1.484) and lone[-1].stop == pytest.approx(4.0)
    scrape = Envelope(np.full(480, 0.1), 120.0, [0.0])
    assert lone_hits(scrape) == []


def test_a_bell_rings_under_the_curve_of_a_knock():
    kit = make_kit(sound="metal", seed=2)
    knock = Envelope.from_hits([(0.3, 0.1)], 3.0, decay=0.03)
    cut, natural = (lay_kit(knock, kit, tails=tails) for tails in ("envelope", "natural"))
    levels = [centred_rms(wav, RATE, 250.0) for wav in (cut, natural)]
    assert levels[0][round(0.8 * 250)] == 0
    assert db(levels[1][round(0.8 * 250)] / levels[1].max()) > -50
    first = round(0.3 * RATE)
    assert np.allclose(cut[0, first : first + 300], natural[0, first : first + 300], atol=0.01)


def test_what_rings_is_damped_by_the_next_hit():
    kit = make_kit(sound="metal", seed=2)
    envelope = Envelope.from_hits([(0.3, 0.2), (1.3, 0.002), (1.5, 0.002)], 2.0, decay=0.03)
    level = centred_rms(lay_kit(envelope, kit, tails="natural"), RATE, 250.0)
    assert level[round(1.47 * 250)] < 0.01


# ---- pan


def test_an_event_is_placed_with_equal_power():
    envelope = hits().place(0.0, 2.0, -0.6).place(2.0, 5.0, 0.6)
    wav = np.ones((1, 5 * RATE), np.float32) * 0.1
    left, right = placed(wav, RATE, envelope)
    assert left[RATE] ** 2 + right[RATE] ** 2 == pytest.approx(2 * 0.1**2)
    angle = 0.4 * np.pi / 4
    assert left[RATE] / right[RATE] == pytest.approx(np.cos(angle) / np.sin(angle), rel=1e-3)
    assert left[4 * RATE] == pytest.approx(right[RATE])
    centre = placed(wav, RATE, hits().place(0.0, 5.0, 0.0))
    assert np.allclose(centre, wav)


def test_takes_are_stereo_where_the_envelope_says_where():
    envelope = hits().place(0.0, 1.0, -0.6).place(2.0, 3.0, 0.6)
    for engine in ({"engine": "preview"}, {"num_steps": 2}):
        wav = play_envelope(envelope, GenerateOptions.of(**engine)).wav
        assert wav.shape == (2, 5 * RATE)
        levels = centred_rms(wav[:1], RATE, 100.0) / (centred_rms(wav[1:], RATE, 100.0) + 1e-9)
        assert levels[52] > 2 and levels[262] < 0.5 and levels[402] == pytest.approx(1, rel=1e-3)
    assert (
        play_envelope(envelope, GenerateOptions.of(engine="preview", pan="off")).wav.shape[0] == 1
    )
    with pytest.raises(ValueError, match="does not say where"):
        play_envelope(hits(), GenerateOptions.of(engine="preview", pan="auto"))


def test_finishing_leaves_silence_and_the_input_alone():
    silence = np.zeros((1, RATE), np.float32)
    assert finished(silence, RATE, hits()) is silence
    wav = bursts(seconds=5.0)
    kept = wav.copy()
    finished(wav, RATE, hits(), FinishOptions())
    assert np.array_equal(wav, kept)
    with pytest.raises(ValueError, match="room is 2; give 0 to 1"):
        FinishOptions(room=2)
    with pytest.raises(ValueError, match="tails is 'long'; use one of natural, envelope"):
        FinishOptions(tails="long")


# ---- ringing


def bell(frequencies=(700.0, 1900.0, 3300.0), decay=4.0, seconds=1.5, seed=0):
    """Tones that die away at `decay` nepers/s after a click of noise, [1, T]."""
    t = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.exp(-decay * t) * np.sin(2 * np.pi * f * t) for f in frequencies)
    noise = np.random.default_rng(seed).standard_normal(t.size) * np.exp(-t / 0.004)
    lead = np.zeros(round(0.1 * RATE))
    return np.concatenate([lead, 0.1 * tones + 0.3 * noise])[None].astype(np.float32)


def test_partials_and_their_decay_are_found():
    wav = bell()[0, round(0.1 * RATE) :]
    found = partials(wav, RATE)
    strongest = sorted(found[:3], key=lambda partial: partial.frequency)
    assert [p.frequency for p in strongest] == pytest.approx([700, 1900, 3300], abs=3)
    assert [p.decay for p in strongest] == pytest.approx([np.log(10) / 4] * 3, rel=0.05)
    assert [p.amplitude for p in strongest] == pytest.approx([0.1] * 3, rel=0.25)
    noise = np.random.default_rng(1).standard_normal(RATE)
    assert tonality(wav, RATE).flatness < 1e-3 and tonality(noise, RATE).flatness > 0.5
    silence = tonality(np.zeros(RATE), RATE)
    assert (silence.num_partials, silence.flatness) == (0, 1.0) and np.isnan(silence.decay)


def test_what_rings_has_modes_and_what_thuds_has_none():
    modes = find_modes(cut_events(bell(), RATE), RATE)
    assert sorted(modes.frequencies[:3]) == pytest.approx([700, 1900, 3300], abs=3)
    assert modes.share > 0.9 and np.median(modes.decays[:3]) == pytest.approx(4, rel=0.1)
    assert find_modes(cut_events(bursts(), RATE), RATE) is None


def test_what_is_rubbed_does_not_ring():
    """A chair that squeals has lasting partials, which die away only with the hand."""
    t = np.arange(2 * RATE) / RATE
    swelling = np.minimum(t / 0.5, 1) * np.minimum((2 - t) / 0.5, 1)
    squeal = swelling * sum(np.sin(2 * np.pi * f * t) for f in (700.0, 1510.0, 2330.0)) / 10
    assert find_modes(cut_events(squeal.astype(np.float32)[None], RATE), RATE) is None


def test_a_generated_attack_sets_the_modes_ringing():
    modes = find_modes(cut_events(bell(), RATE), RATE)
    knock = Envelope.from_hits([(0.5, 0.1), (2.0, 0.05)], 4.0, decay=0.02)
    take = bursts(times=(0.5, 2.0), seconds=4.0, decay=0.02)
    rung = ring(take, RATE, knock, modes)
    found = tonality(rung[0, round(0.5 * RATE) : round(1.9 * RATE)], RATE)
    assert found.decay == pytest.approx(np.log(10) / 4, rel=0.1) and found.flatness < 0.01
    first = round(0.5 * RATE)
    assert np.array_equal(rung[0, :first], take[0, :first])
    other = rung[0, round(2.0 * RATE) :][:4000] / rung[0, first:][:4000]
    assert np.ptp(other) > 0.1  # each blow has its own


# Own hits

SHORT = {"diffusion": {"num_steps": 1, "cfg_scale": 1.0}}


@pytest.fixture(scope="module")
def apart():
    """(Envelope of two hits that are alone and two that are not, a take, a laying: told apart by
    their signs)."""
    envelope = Envelope.from_hits([(0.5, 0.2), (1.5, 0.1), (2.5, 0.2), (2.55, 0.2)], 3.5)
    level = envelope.at(np.arange(round(3.5 * RATE)) / RATE).astype(np.float32)[None]
    return envelope, -level, level


def test_hits_that_are_alone_are_those_of_the_recording(apart):
    envelope, take, laid = apart
    wav = with_own_hits(take, laid, RATE, envelope, whole=True)[0]
    for onset in (0.5, 1.5):
        first = round(onset * RATE)
        assert (wav[first - 20 : first + round(0.2 * RATE)] > 0).all()
        before = slice(first - round(0.012 * RATE), first - round(0.005 * RATE))
        assert np.array_equal(wav[before], take[0, before])
    close = slice(round(2.5 * RATE), round(2.53 * RATE))  # the next follows within 80 ms
    assert np.array_equal(wav[close], take[0, close])


def test_of_few_recorded_hits_the_tails_are_taken(apart):
    envelope, take, laid = apart
    wav = with_own_hits(take, laid, RATE, envelope, whole=False)[0]
    attack = slice(round(0.5 * RATE), round(0.509 * RATE))
    assert np.array_equal(wav[attack], take[0, attack])
    assert (wav[round(0.55 * RATE) : round(0.7 * RATE)] > 0).all()


def test_a_recorded_tail_is_drawn_half_of_the_way_to_the_curve(apart):
    envelope, take, laid = apart
    steady = 0.05 * np.random.default_rng(0).standard_normal(laid.shape).astype(np.float32)
    wanted = envelope.at(np.arange(laid.shape[1]) / RATE)
    louder = (2 * wanted * steady / 0.05).astype(np.float32)
    wav = with_own_hits(take, louder, RATE, envelope, whole=True)
    tail = slice(round(0.56 * RATE), round(0.62 * RATE))
    ratio = np.sqrt(np.mean(wav[:, tail] ** 2) / np.mean(wanted[tail] ** 2))
    assert 20 * np.log10(ratio) == pytest.approx(3.0, abs=0.6)  # it was 6 dB


@pytest.mark.parametrize("engine", ["preview", "diffusion"])
def test_rain_ends_with_the_curve(engine):
    rain = 0.1 * np.random.default_rng(0).standard_normal((1, 4 * RATE)).astype(np.float32)
    (event,) = cut_events(rain, RATE)
    assert goes_on(event, RATE)
    assert not any(goes_on(event, RATE) for event in cut_events(bursts(decay=0.3), RATE))
    options = GenerateOptions.of(reference=rain, engine=engine, **SHORT.get(engine, {}))
    wav = play_envelope(Envelope.from_hits([(0.5, 0.2)], 3.0), options).wav[0]
    hit, after = (wav[round(a * RATE) : round(b * RATE)] for a, b in ((0.5, 0.6), (0.8, 1.2)))
    assert np.std(after) < 0.05 * np.std(hit)
