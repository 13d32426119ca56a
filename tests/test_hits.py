"""Settings of single hits: kept with the hit whatever happens to it, and heard exactly as set."""

import json

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.envelope.hits import HitSettings, cut_hits, feet_of
from folai.pipeline import GenerateOptions, play_envelope
from folai.preview.choosing import Features, alike, feet_of_events
from folai.preview.events import cut_events
from folai.preview.kit import make_kit
from folai.preview.lay import lay_kit
from folai.preview.plan import planned
from folai.preview.pool import Pool, Source
from folai.takes.options import FinishOptions

RATE = 44100
TIMES = [0.3, 1.1, 1.9, 2.7, 3.5, 4.3]
TONES = [300, 500, 800, 1200, 1900, 3000, 4700, 7000]  # Hz, one an event


def walk(level=0.05) -> Envelope:
    return Envelope.from_hits([(time, level) for time in TIMES], 5.0)


def tones() -> np.ndarray:
    """Events of one tone each, that fall by 60 dB in 0.5 s."""
    time = np.arange(RATE * 6 // 10) / RATE
    fall = np.exp(-time * 6.9 / 0.5)
    return np.concatenate([np.sin(2 * np.pi * hertz * time + 1) * fall for hertz in TONES]).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def kit():
    made = make_kit(reference=tones(), sample_rate=RATE, seed=4)
    assert len(made.events) == len(TONES)
    return made


def tone_at(wav, time: float) -> float:
    """The strongest frequency in 0.1 s from a hit, Hz, between bins."""
    part = wav[0, round(time * RATE) :][: RATE // 10] * np.hanning(RATE // 10)
    spectrum = np.abs(np.fft.rfft(part, 8 * RATE))
    return float(np.argmax(spectrum)) / 8


def rms_at(wav, time: float, seconds: float = 0.1) -> float:
    part = wav[0, round(time * RATE) :][: round(seconds * RATE)]
    return float(np.sqrt(np.square(part, dtype=np.float64).mean()))


def fall_at(wav, time: float) -> float:
    """Seconds from a hit to 30 dB below its loudest, by 10 ms."""
    levels = np.array([rms_at(wav, time + 0.01 * k, 0.01) for k in range(70)])
    return float(np.argmax(levels < levels.max() * 10 ** (-30 / 20))) / 100


# As it is heard


def test_an_octave_up_is_twice_as_high_and_half_as_long(kit):
    plain = lay_kit(walk().set_hit(1.1, sound=2), kit, tails="natural")
    high = lay_kit(walk().set_hit(1.1, sound=2, pitch=12), kit, tails="natural")
    low = lay_kit(walk().set_hit(1.1, sound=2, pitch=-12), kit, tails="natural")
    assert tone_at(high, 1.1) / tone_at(plain, 1.1) == pytest.approx(2, rel=2e-3)
    assert tone_at(low, 1.1) / tone_at(plain, 1.1) == pytest.approx(0.5, rel=2e-3)
    assert fall_at(high, 1.1) / fall_at(plain, 1.1) == pytest.approx(0.5, abs=0.07)
    assert rms_at(high, 1.1, 0.02) / rms_at(plain, 1.1, 0.02) == pytest.approx(1, abs=0.15)


def test_six_decibels_are_six_decibels_and_no_other_sound(kit):
    plain = lay_kit(walk(), kit, tails="natural")
    louder = lay_kit(walk().set_hit(1.9, level_db=6), kit, tails="natural")
    softer = lay_kit(walk().set_hit(1.9, level_db=-9), kit, tails="natural")
    for wav, db in ((louder, 6), (softer, -9)):
        gain = 20 * np.log10(rms_at(wav, 1.9) / rms_at(plain, 1.9))
        assert gain == pytest.approx(db, abs=0.2)
        assert tone_at(wav, 1.9) == pytest.approx(tone_at(plain, 1.9), abs=0.2)
        others = [time for time in TIMES if time != 1.9]
        change = [20 * np.log10(rms_at(wav, t) / rms_at(plain, t)) for t in others]
        assert np.abs(change).max() < 0.1


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_hit_takes_the_sound_that_is_asked_for_and_the_others_keep_theirs(kit, number):
    plain = lay_kit(walk(), kit)
    other = lay_kit(walk().set_hit(2.7, sound=number), kit)
    assert tone_at(other, 2.7) == pytest.approx(TONES[number], rel=0.02)
    outside = np.ones(plain.shape[1], bool)
    outside[round(2.65 * RATE) : round(3.45 * RATE)] = False
    assert np.array_equal(plain[:, outside], other[:, outside])


def test_a_sound_that_is_not_there_is_as_the_engine_chooses(kit):
    assert np.array_equal(lay_kit(walk().set_hit(1.1, sound=99), kit), lay_kit(walk(), kit))


@pytest.mark.parametrize("are_steps", [False, True])
def test_feet_take_turns_from_the_hit_that_says_its_foot(are_steps):
    events = cut_events(tones(), RATE)
    sources = tuple(Source(f"{n}.wav") for n in range(len(events)))
    pool = Pool(tuple(events), sources, RATE, are_steps)
    of_events = feet_of_events(pool.features)
    for foot, turns in (("left", [1, 0, 1, 0, 1, 0]), ("right", [0, 1, 0, 1, 0, 1])):
        for kit in (pool.kit(3), make_kit(reference=tones(), sample_rate=RATE, seed=3)):
            plan = planned(walk().set_hit(2.7, foot=foot).set_hit(2.7, pitch=1), kit)
            heard = [int(of_events[hit.event]) for hit in plan]
            assert heard == turns
            assert [hit.foot for hit in plan] == [["left", "right"][n] for n in heard]
    assert feet_of(TIMES, ()) is None
    two = walk().set_hit(1.1, foot="left").set_hit(1.9, foot="left")  # a hop
    assert feet_of(TIMES, two.hits) == [1, 0, 0, 1, 0, 1]


def test_a_part_goes_on_with_the_foot_of_the_whole():
    whole = walk().set_hit(0.3, foot="right").set_hit(2.7, level_db=3)
    part = cut_hits(whole.hits, whole.onsets, 1.5, 3.0)
    assert [(hit.time, hit.foot) for hit in part] == [(1.9 - 1.5, "right"), (2.7 - 1.5, None)]


def test_another_one_like_it_is_the_nearest_of_the_sounds():
    time = np.arange(RATE // 2) / RATE
    sharp, soft = np.exp(-time / 0.01), np.exp(-time / 0.15)
    rng = np.random.default_rng(0)
    bright = rng.standard_normal((3, time.size)) * sharp
    dull = np.sin(2 * np.pi * 200 * time) * soft
    parts = [bright[0], dull, bright[1], 0.9 * dull, bright[2]]
    events = cut_events(np.concatenate(parts).astype(np.float32), RATE)
    features = Features.of(events, RATE)
    assert alike(features, 1, 4)[0] == 3 and alike(features, 3, 4)[0] == 1
    assert set(alike(features, 0, 2)) == {2, 4} and len(alike(features, 0, 9)) == 4


# Bound to the hit


def test_settings_go_with_the_hit():
    envelope = walk().set_hit(1.1, pitch=5, sound=2).set_hit(2.7, foot="left")
    moved = envelope.move_hit(1.1, 1.4)
    assert moved.hits == (HitSettings(1.4, 2, 5), HitSettings(2.7, foot="left"))
    assert envelope.shift(0.25).hits[0].time == 1.35
    assert envelope.snap([1.125, 2.7]).hits[0].time == 1.125
    curve = envelope.gain(3).smooth(0.01).scale_region(0, 0.5, -9).add_hit(0.7, 0.1)
    assert curve.hits == envelope.hits
    assert envelope.resample(100.0, 2.0).hits == envelope.hits[:1]


def test_what_happens_when_a_hit_is_deleted_split_or_merged():
    envelope = walk().set_hit(1.1, pitch=5).set_hit(1.9, sound=3)
    deleted = envelope.remove_hit(1.1)
    assert deleted.hits == (HitSettings(1.9, 3),)
    assert deleted.add_hit(1.1, 0.05).hits == deleted.hits  # a new one has none
    split = envelope.add_hit(1.15, 0.05)
    assert split.hits == envelope.hits
    merged = envelope.move_hit(1.1, 1.9)  # what moved there says how it sounds
    assert merged.hits == (HitSettings(1.9, pitch=5),)
    assert envelope.move_hit(0.3, 1.1).hits == envelope.hits  # it had nothing to say
    assert envelope.mute(1.0, 2.0).hits == ()
    assert walk().paste(envelope, 1.0, 1.5).hits == (HitSettings(1.1, pitch=5),)
    assert envelope.detect_onsets().hits == tuple(
        hit for hit in envelope.hits if hit.time in envelope.detect_onsets().onsets
    )


def test_nothing_said_is_nothing_kept():
    envelope = walk().set_hit(1.1, pitch=5, sound=2)
    assert envelope.set_hit(1.1, pitch=0).hits == (HitSettings(1.1, 2),)
    assert envelope.set_hit(1.1, pitch=0, sound=None) == walk()


@pytest.mark.parametrize("name", ["hits.json", "hits.csv"])
def test_files_keep_them(tmp_path, name):
    envelope = walk().set_hit(1.1, pitch=-2.5, sound=2).set_hit(2.7, foot="left", level_db=6)
    envelope.save(tmp_path / name)
    assert Envelope.load(tmp_path / name) == envelope
    walk().save(tmp_path / name)
    assert "hits" not in (tmp_path / name).read_text()


def test_a_file_whose_onsets_were_changed_says_which_settings_are_lost(tmp_path):
    path = tmp_path / "hits.json"
    walk().set_hit(1.1, pitch=5).save(path)
    document = json.loads(path.read_text())
    document["onsets"][1] = 1.2
    path.write_text(json.dumps(document))
    with pytest.warns(UserWarning, match="settings of 1 hits are at no onset"):
        assert Envelope.load(path).hits == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pitch": 40}, "pitch of a hit is 40 semitones; give -24 to 24"),
        ({"level_db": -99}, "level_db of a hit is -99 dB"),
        ({"sound": 1.5}, "sound of a hit is 1.5; give a whole number"),
        ({"foot": "third"}, "foot of a hit is 'third'; use left or right"),
        ({"colour": 1}, "a hit has colour, time; give its time"),
    ],
)
def test_what_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        walk().set_hit(1.1, **wrong)
    with pytest.raises(ValueError, match="no onset is there"):
        Envelope(walk().values, 120.0, walk().onsets, hits=(HitSettings(1.2, pitch=1),))


# Outside the studio


def test_generate_obeys_them_and_the_cue_sheet_names_them(tmp_path):
    from folai.media.audio import write_wav

    files = []
    for number, event in enumerate(cut_events(tones(), RATE)):
        files.append(str(tmp_path / f"{number}.wav"))
        write_wav(files[-1], event.samples, RATE)
    finish = FinishOptions(tails="natural")
    options = GenerateOptions(reference=files, engine="preview", seed=1, finish=finish)
    result = play_envelope(walk().set_hit(1.1, sound=5).set_hit(2.7, sound=0, pitch=12), options)
    assert tone_at(result.wav, 1.1) == pytest.approx(TONES[5], rel=0.02)
    assert tone_at(result.wav, 2.7) == pytest.approx(2 * TONES[0], rel=0.02)
    assert [cue.path for cue in result.cues][1::2] == [files[5], files[0], result.cues[5].path]


def test_the_command_sets_them(tmp_path, capsys):
    from folai.cli import main

    source, out = tmp_path / "a.json", tmp_path / "b.json"
    walk().set_hit(2.7, sound=3, foot="left").save(source)
    command = ["edit", str(source), "-o", str(out), "--set-hit", "1.12", "pitch=-2", "sound=0"]
    assert main([*command, "--set-hit", "2.7", "foot=none", "level_db=6"]) == 0
    assert Envelope.load(out).hits == (HitSettings(1.1, 0, -2), HitSettings(2.7, 3, level_db=6))
    for wrong, message in (("loud=3", "cannot have 'loud=3'; write"), ("pitch=99", "-24 to 24")):
        assert main([*command, "--set-hit", "2.7", wrong]) != 0
        assert message in capsys.readouterr().err


def test_models_say_what_they_cannot_hear():
    class Stopped(Exception):
        pass

    def stop(share):
        raise Stopped

    envelope = walk().set_hit(1.1, sound=5).set_hit(1.9, level_db=3)
    options = GenerateOptions(prompt="wood", engine="diffusion")
    with pytest.warns(UserWarning, match="foot of 1 hits is not heard"), pytest.raises(Stopped):
        play_envelope(envelope, options, progress=stop)
