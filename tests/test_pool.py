"""Pools: which event is played when, what the cue sheet says, and what is refused."""

import csv
import json

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.library.pool import pool_from_files, pool_from_words
from folai.media.audio import write_wav
from folai.pipeline import GenerateOptions, play_envelope
from folai.preview.lay import lay_kit
from folai.preview.plan import spans_of
from folai.preview.pool import timecode, write_cue_sheet

RATE = 44_100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty steps of different level, colour and length, in a folder that is called so."""
    root = tmp_path_factory.mktemp("sounds") / "footstep gravel"
    root.mkdir()
    rng = np.random.default_rng(5)
    time = np.arange(round(0.35 * RATE)) / RATE
    for number in range(20):
        noise = np.convolve(rng.uniform(-1, 1, time.size), np.ones(1 + number % 5), "same")
        wav = noise * np.exp(-time / rng.uniform(0.01, 0.06))  # many shorter than is asked for
        wav *= rng.uniform(0.1, 0.9) / np.abs(wav).max()
        write_wav(root / f"{number:02d}.wav", wav[None].astype(np.float32), RATE)
    (root / "sounds.csv").write_text("file,licence,credit\n00.wav,CC0,Ann\n")
    return root


@pytest.fixture(scope="module")
def walk():
    """Sixty steps in 36 s, as loud as steps are."""
    rng = np.random.default_rng(1)
    envelope = Envelope(np.zeros(36 * 120, np.float32), 120.0)
    for onset in 0.3 + 0.58 * np.arange(60) + rng.normal(0, 0.02, 60):
        envelope = envelope.add_hit(onset, level=float(rng.uniform(0.06, 0.2)), decay=0.05)
    return envelope


def test_a_walk_never_repeats_itself(folder, walk):
    pool = pool_from_files([folder], RATE)
    assert len(pool.files) == 20 and pool.are_steps
    spans = spans_of(walk, RATE)
    chosen = np.array(pool.choose(spans, seed=0))
    assert len(chosen) == 60
    assert not (chosen[1:] == chosen[:-1]).any()
    onsets = np.array([onset for onset, _, _ in spans])
    soon = [
        (chosen[i + 1 :][onsets[i + 1 :] - onsets[i] < 1.0] == chosen[i]).any() for i in range(60)
    ]
    assert np.mean(soon) <= 0.05
    assert not set(chosen[::2]) & set(chosen[1::2])  # each foot has its own
    assert pool.choose(spans, seed=0) == chosen.tolist() != pool.choose(spans, seed=1)


def test_a_walk_has_the_level_of_its_envelope(folder, walk):
    pool = pool_from_files([folder], RATE)
    wav = lay_kit(walk, pool.kit(0))
    measured = Envelope.from_audio(wav, RATE)
    errors = []
    for onset, peak, _ in spans_of(walk, RATE):
        first = round(onset * 120)
        errors.append(20 * np.log10(measured.values[first : first + 8].max() / peak))
    assert np.abs(errors).mean() <= 0.1 and np.abs(errors).max() <= 1.0


def test_louder_hits_are_played_by_louder_events(folder, walk):
    pool = pool_from_files([folder], RATE)
    spans = spans_of(walk, RATE)
    levels = [pool.events[number].level for number in pool.choose(spans, seed=0)]
    assert np.corrcoef([peak for _, peak, _ in spans], levels)[0, 1] > 0.5


def test_the_cue_sheet_says_what_is_heard(folder, walk, tmp_path):
    options = GenerateOptions(reference=[folder], engine="preview", variations=2)
    result = play_envelope(walk, options)
    assert len(result.cues) == 120 and {cue.take for cue in result.cues} == {1, 2}
    write_cue_sheet(tmp_path / "cues.csv", result.cues, 25.0)
    with (tmp_path / "cues.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["timecode"] == timecode(result.cues[0].time, 25.0)
    assert any(r["path"].endswith("00.wav") and r["licence"] == "CC0" for r in rows)
    write_cue_sheet(tmp_path / "cues.json", result.cues, 25.0)
    assert len(json.loads((tmp_path / "cues.json").read_text())["cues"]) == 120


def test_timecodes():
    assert timecode(3661.5, 24) == "01:01:01:12"
    assert timecode(59.99, 25) == "00:01:00:00"


def test_a_pool_is_one_reference_for_a_model(folder):
    pool = pool_from_files([folder], RATE)
    reference = pool.reference(3.0)
    assert reference.shape[0] == 1 and 2.5 * RATE < reference.shape[1] <= 3 * RATE


def test_words_make_a_pool_of_the_library(folder, tmp_path):
    from folai.library.adding import add_folders
    from folai.library.index import opened_library

    library = tmp_path / "sounds.db"
    with opened_library(library, create=True) as connection:
        add_folders(connection, [folder])
    pool = pool_from_words("boots on gravel", library, RATE)
    assert len(pool.files) == 20 and pool.are_steps
    with pytest.raises(ValueError, match="the library has nothing for 'parliament'"):
        pool_from_words("parliament", library, RATE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"library": "gravel", "sound": "wood"}, "both library and sound are given"),
        ({"library": "gravel", "reference": "a.wav"}, "both library and reference are given"),
        ({"library_file": "a.db"}, "no words are given"),
    ],
)
def test_contradictions_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GenerateOptions(**options)


def test_places_without_sound_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no sound file in it"):
        pool_from_files([tmp_path], RATE)
    with pytest.raises(ValueError, match="does not exist"):
        pool_from_files([tmp_path / "a.wav"], RATE)
