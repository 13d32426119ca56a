"""Loops, parts of a take made anew, and prompts for parts of a clip."""

import numpy as np
import pytest

from folai import Envelope, GenerateOptions
from folai.cli import main
from folai.envelope.circle import quiet_place, turned
from folai.envelope.hits import HitSettings
from folai.envelope.spans import common, read_span, read_spans, within
from folai.jobs.columns import read_cell
from folai.media.audio import read_audio, write_wav
from folai.metrics.loop_jumps import loop_jumps
from folai.pipeline import play_envelope
from folai.takes.loop import closed
from folai.takes.renewing import laid_into, pieces_of
from folai.takes.true_peak import true_peak

RATE = 44100
HITS = Envelope.from_hits([0.1, 0.8, 1.5, 2.3], 3.0)
TIMES = np.arange(750) / 250
SCRAPE = Envelope((0.1 + 0.03 * np.sin(2 * np.pi * TIMES + 1)).astype(np.float32), 250.0)
PREVIEW = {"engine": "preview", "sound": "wood"}


def played(envelope, **values):
    return play_envelope(envelope, GenerateOptions.of(**{**PREVIEW, **values}))


# ---- parts as people write them


def test_parts_are_read():
    assert read_span("0:03-0:05.5") == (3.0, 5.5)
    assert read_span("1:00:02-") == (3602.0, float("inf"))
    assert read_span([1, None]) == (1.0, float("inf"))
    assert read_spans("0:09-0:10, 3-5") == ((3.0, 5.0), (9.0, 10.0))
    assert read_spans([(3, 5), "4-6"]) == ((3.0, 6.0),)
    assert within(((1.0, float("inf")),), 2.5) == ((1.0, 2.5),)
    assert common([(0, 1), (2, 4)], [(0.5, 3)]) == [(0.5, 1), (2, 3)]
    assert read_cell("regenerate", "0:03-0:05 9-", tuple) == [[3.0, 5.0], [9.0, None]]


@pytest.mark.parametrize("wrong", ["3", "5-3", "x-3", "-3-5", [1], [True, 2], 7, [[0, 0.001]]])
def test_what_is_no_part_is_refused(wrong):
    with pytest.raises(ValueError, match=r"part|time"):
        read_spans(wrong if isinstance(wrong, list) and len(wrong) == 1 else [wrong])
    with pytest.raises(ValueError, match=r"begins after the clip's end at 2\.00 s"):
        within(((2.0, 3.0),), 2.0)


# ---- loops


def test_an_envelope_turns_with_its_hits_and_places():
    hits = (HitSettings(0.8, pitch=3.0),)
    pan = np.linspace(-1, 1, HITS.num_frames, dtype=np.float32)
    whole = Envelope(HITS.values, HITS.frame_rate, HITS.onsets, pan=pan, hits=hits)
    part = turned(whole, 0.5, 3.5, 3.0)
    assert np.allclose(part.onsets, [0.3, 1.0, 1.8, 2.6, 3.3])
    assert [(round(hit.time, 6), hit.pitch) for hit in part.hits] == [(0.3, 3.0), (3.3, 3.0)]
    half = round(HITS.frame_rate / 2)
    assert np.allclose(part.values[:half], whole.values[half : 2 * half], atol=1e-6)
    assert np.allclose(part.values[:half], part.values[6 * half :])  # one turn later
    assert np.abs(np.diff(part.pan)).max() < 0.2  # it moves back and does not jump


def test_a_seam_lies_where_it_is_heard_least():
    at = quiet_place(Envelope.from_hits([0.1, 0.8, 1.5, 2.2], 3.0), 0.25, 3.0)
    assert (at + 0.25) % 3.0 == pytest.approx(0.1, abs=0.03)  # the longest pause ends there
    assert quiet_place(Envelope(np.full(500, 0.1, np.float32), 250.0), 0.25, 2.0) == 0.0
    lowest = TIMES[np.argmin(SCRAPE.values[:250])]
    assert (quiet_place(SCRAPE, 0.1, 3.0) + 0.05) % 1 == pytest.approx(lowest, abs=0.1)


def test_what_is_too_much_is_faded_into_the_beginning():
    rng = np.random.default_rng(0)
    wav = 0.1 * rng.standard_normal((2, 1100)).astype(np.float32)
    loop = closed(wav, 1000, 1000, 0.3)
    assert np.array_equal(np.roll(loop, -300, axis=1)[:, 100:], wav[:, 100:1000])
    # Sample by sample it goes on as it was played, over the seam's beginning too.
    assert np.abs(loop[:, 300] - wav[:, 1000]).max() < 0.01 * 0.4
    loud = closed(np.ones((1, 1100), np.float32), 1000, 1000, 0.3)
    assert true_peak(loud) < 1.0
    with pytest.raises(ValueError, match="the seam has 0 samples"):
        closed(wav[:, :1000], 1000, 1000, 0.0)


@pytest.mark.parametrize("envelope", [HITS, SCRAPE], ids=["hits", "scrape"])
def test_a_loop_has_no_seam(envelope):
    result = played(envelope, loop=True, variations=2)
    for wav in result.takes:
        assert wav.shape[1] == 3 * RATE
        jumps = loop_jumps(wav, RATE)
        assert jumps.level[0] <= np.quantile(jumps.level, 0.95)
        assert jumps.spectrum[0] <= np.quantile(jumps.spectrum, 0.95)
        steps = np.abs(np.diff(wav[0], append=wav[0, :1]))
        assert steps[-1] <= np.quantile(steps, 0.999)


def test_a_tail_rings_on_in_the_beginning():
    late = Envelope.from_hits([1.0, 2.9], 3.0)
    metal = {"sound": "metal", "tails": "natural"}
    once, loop = (played(late, loop=loop, **metal).wav for loop in (False, True))
    begin = slice(0, round(0.1 * RATE))
    assert not once[:, begin].any()
    assert np.sqrt(np.mean(loop[:, begin] ** 2)) > 0.02 * np.abs(loop).max()


def test_a_sound_that_is_cut_has_a_seam():
    """The measure of loops tells them from what is none."""
    jumps = loop_jumps(played(Envelope.from_hits([1.0, 2.9], 3.0), sound="metal").wav, RATE)
    assert jumps.level[0] > np.quantile(jumps.level, 0.95)
    with pytest.raises(ValueError, match="3969 or more"):
        loop_jumps(np.zeros(2000), RATE)


def test_parts_with_prompts_loop_too():
    segments = [["0-1.5", "hit wood"], ["1.5-", "scratch metal"]]
    options = {"engine": "diffusion", "sound": None, "segments": segments, "num_steps": 4}
    wav = played(SCRAPE, loop=True, **options).wav
    jumps = loop_jumps(wav, RATE)
    assert wav.shape[1] == 3 * RATE and jumps.level[0] <= np.quantile(jumps.level, 0.99)


# ---- parts made anew


def test_parts_are_laid_into_a_take():
    rng = np.random.default_rng(0)
    old, new = rng.standard_normal((2, 1, 4000)).astype(np.float32)
    take = laid_into(old, np.repeat(new[:, 500:], 2, axis=0), 0.5, (1.0, 2.0), 1000)
    assert take.shape == (2, 4000)
    for channel in take:
        assert np.array_equal(channel[:950], old[0, :950])
        assert np.array_equal(channel[1050:1950], new[0, 1050:1950])
        assert np.array_equal(channel[2050:], old[0, 2050:])
    assert np.std(take[:, 950:1050]) == pytest.approx(1.0, abs=0.25)
    to_end = laid_into(old, new, 0.0, (3.0, 4.0), 1000)
    assert np.array_equal(to_end[:, 3050:], new[:, 3050:])


def test_a_model_that_fills_gaps_plays_once():
    spans = ((20.0, 21.0), (30.0, 30.5))
    (piece,) = pieces_of(spans, 60.0, fills=True)
    assert (piece.start, piece.end) == pytest.approx((13.95, 36.55))
    assert np.allclose(piece.gaps, [(6.0, 7.1), (16.0, 16.6)])
    pieces = pieces_of(spans, 31.0, fills=False)
    assert [(p.start, p.end) for p in pieces] == [
        pytest.approx(s) for s in [(19.45, 22.55), (29.45, 31.0)]
    ]


def test_only_the_named_parts_are_made_anew(tmp_path):
    old = played(HITS, seed=1)
    write_wav(tmp_path / "old.wav", old.wav, RATE)
    stored = read_audio(tmp_path / "old.wav")[0]
    renewed = played(
        HITS, seed=7, take=tmp_path / "old.wav", regenerate="0.6-1.2 2.2-", variations=2
    )
    assert len(renewed.takes) == 2
    for take in renewed.takes:
        changed = np.flatnonzero(np.abs(take - stored).max(axis=0) > 0) / RATE
        assert changed.min() >= 0.55 and changed.max() <= 3.0
        assert not ((changed > 1.25) & (changed < 2.15)).any()
        for start, end in ((0.8, 1.0), (2.3, 2.5)):  # at the level of what was there
            part = slice(round(start * RATE), round(end * RATE))
            ratio = np.std(take[:, part]) / np.std(stored[:, part])
            assert 0.5 < ratio < 2 and not np.array_equal(take[:, part], stored[:, part])
    assert not np.array_equal(*renewed.takes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"take": np.zeros((1, 3 * RATE))}, "the parts are not given"),
        ({"regenerate": "1-2"}, "the take is not given"),
        ({"take": np.zeros(9), "regenerate": "1-2", "loop": True}, "leave loop out"),
        ({"take": np.zeros(9), "regenerate": "1-2"}, "lasts 0.00 s, and the clip 3.00 s"),
        ({"take": np.zeros(3 * RATE), "regenerate": "7-8"}, "begins after the clip's end"),
    ],
)
def test_what_cannot_be_made_anew_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        played(HITS, **values)


# ---- behind the command


def test_the_command_takes_parts(clip, tmp_path, capsys):
    out, anew, both = (str(tmp_path / name) for name in ("a.wav", "b.wav", "c.wav"))
    envelope = str(tmp_path / "env.json")
    common = [str(clip), "--engine", "preview", "--quiet"]
    assert main(["generate", *common, "-o", out, "--loop", "--save-envelope", envelope]) == 0
    duration = read_audio(out)[0].shape[1] / RATE
    again = ["--take", out, "--regenerate", "0.2-0.4", "0:00.6-", "--seed", "3"]
    assert main(["generate", *common, "-o", anew, "--envelope", envelope, *again]) == 0
    assert read_audio(anew)[0].shape[1] / RATE == pytest.approx(duration)
    words = ["--segment", "0-0.5", "hit metal", "--segment", "0.5-", "hit cloth"]
    few = ["--num-steps", "2", "--envelope", envelope, "--resample"]
    assert main(["generate", str(clip), "-o", both, *words, *few]) == 0
    assert "hit metal at 0-0.5" in capsys.readouterr().out
    assert main(["generate", *common, "-o", anew, "--regenerate", "0.2"]) != 0
    assert "0.2" in capsys.readouterr().err


# ---- in the studio


def test_the_studio_takes_parts_and_loops(tmp_path):
    from folai.studio.studio import options_of

    sound = {"segments": "0-1 hit wood; 1- hit metal", "loop": True, "num_steps": 5, "room": 0}
    options = options_of(sound)
    assert options["engine"] == "diffusion" and options["loop"] is True
    (wood, metal) = GenerateOptions.of(**options).segments
    assert (wood.prompt, metal.prompt, metal.start) == ("hit wood", "hit metal", 1.0)
    full = options_of({"model": "stable-audio-3-small-sfx", "prompt": "keys", "num_steps": 5})
    assert full == {
        "model": "stable-audio-3-small-sfx",
        "prompt": "keys",
        "engine": "stable_audio_3",
    }


def test_a_part_that_fades_by_itself_is_laid_into_a_take_as_it_is(tmp_path):
    """A second fade of the same sound would be louder than either."""
    from types import SimpleNamespace

    from folai.studio.generation import _lay_into

    old = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 44100)).astype(np.float32)
    (tmp_path / "takes").mkdir()
    out = tmp_path / "new.wav"
    write_wav(tmp_path / "takes" / "one.wav", old, 44100)
    write_wav(out, old, 44100)
    region = {"take": "one", "start": 0.3, "end": 0.6, "fade": 0.05}
    _lay_into(SimpleNamespace(media=tmp_path), region, out, 0.0, is_blended=True)
    assert np.array_equal(read_audio(out)[0], read_audio(tmp_path / "takes" / "one.wav")[0])
