"""The whole flow on a clip whose contacts are known: when, what, and the finished file."""

from functools import partial

import av
import numpy as np
import pytest

from folai import Envelope, GenerateOptions, generate, predict_envelope
from folai.media.audio import read_audio, write_wav
from folai.media.clip import probe
from folai.pipeline import measure_envelope

RATE = 44100  # Hz
Preview = partial(GenerateOptions, engine="preview")


@pytest.fixture(scope="module")
def predicted(clip):
    return predict_envelope(clip)


@pytest.fixture
def exact(scene):
    """The envelope that a perfect prediction would give."""
    return Envelope.from_hits(scene.onsets, scene.duration, decay=0.05)


def late(wav, sample_rate, contacts):
    """Seconds from each contact to the nearest onset in the sound."""
    onsets = Envelope.from_audio(wav, sample_rate).onsets
    distances = onsets[None] - contacts[:, None]
    return distances[np.arange(len(contacts)), np.abs(distances).argmin(axis=1)]


def pictures(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


# ---- when


def test_the_prediction_lasts_as_long_as_the_clip(clip, predicted):
    assert predicted.duration == pytest.approx(probe(clip).duration, abs=1 / 120)
    assert predicted.frame_rate == 120
    assert (predicted.onsets <= predicted.duration).all()


def test_the_prediction_is_the_same_each_time_and_tells_its_progress(clip, predicted):
    shares = []
    assert predict_envelope(clip, progress=shares.append) == predicted
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1


def test_missing_weights_are_named(clip, tmp_path):
    with pytest.raises(ValueError, match=r"other\.safetensors: weights not found"):
        predict_envelope(clip, weights=tmp_path / "other.safetensors")


def test_the_envelope_of_a_clips_own_sound(clip, exact, scene, tmp_path):
    sounding = tmp_path / "sounding.mkv"
    generate(clip, sounding, Preview(envelope=exact))
    truth = measure_envelope(sounding)
    assert truth.duration == pytest.approx(probe(clip).duration, abs=1 / 120)
    distances = np.abs(scene.onsets[:, None] - truth.onsets[None]).min(axis=1)
    assert np.median(distances) < 0.005
    with pytest.raises(ValueError, match="has no sound"):
        measure_envelope(clip)


# ---- what, and the finished clip


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.wav"])
def test_sounds_land_on_the_contacts(clip, exact, scene, tmp_path, name):
    before = clip.read_bytes()
    result = generate(clip, tmp_path / name, Preview(envelope=exact, sound="metal"))
    assert result.path == tmp_path / name
    errors = late(*read_audio(result.path), scene.onsets)
    assert np.median(np.abs(errors)) < 0.004
    assert np.abs(errors).max() < 0.015
    if not name.endswith("wav"):
        assert pictures(result.path) == pictures(clip)
    assert clip.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_predicted_envelope_is_what_sounds(clip, predicted, hit, tmp_path):
    result = generate(clip, tmp_path / "out.mp4", Preview(reference=hit))
    assert result.envelope == predicted
    assert result.wav.shape == (1, round(probe(clip).duration * RATE))
    assert result.duration == pytest.approx(probe(clip).duration, abs=1e-4)
    wav, _ = read_audio(result.path)
    assert wav.shape[1] == pytest.approx(result.wav.shape[1], abs=2048)


def test_a_seed_gives_the_same_sound_again(clip, exact):
    first, again, other = (
        generate(clip, options=Preview(envelope=exact, seed=seed)) for seed in (1, 1, 2)
    )
    assert first.path is None
    assert np.array_equal(first.wav, again.wav)
    assert not np.array_equal(first.wav, other.wav)


def test_a_reference_may_be_an_array_and_have_many_channels(clip, exact, hit):
    mono = read_audio(hit)[0]
    stereo = generate(clip, options=Preview(envelope=exact, reference=mono.repeat(2, 0)))
    surround = generate(clip, options=Preview(envelope=exact, reference=mono.repeat(6, 0)))
    single = generate(clip, options=Preview(envelope=exact, reference=mono[0]))
    assert [r.wav.shape[0] for r in (stereo, surround, single)] == [2, 2, 1]


def test_the_clips_own_sound_is_replaced_or_kept_below(clip, exact, tmp_path):
    silence = Envelope(np.zeros(exact.num_frames))
    own = tmp_path / "own.mkv"
    generate(clip, own, Preview(envelope=exact))
    replaced, mixed = tmp_path / "replaced.mkv", tmp_path / "mixed.mkv"
    generate(own, replaced, Preview(envelope=silence))
    generate(own, mixed, Preview(envelope=silence, mix_db=-6.0))
    assert not read_audio(replaced)[0].any()
    assert np.allclose(read_audio(mixed)[0], read_audio(own)[0] * 10 ** (-6 / 20), atol=1e-4)
    with pytest.warns(UserWarning, match="no sound of its own"):
        generate(clip, mixed, Preview(envelope=exact, mix_db=-6.0))


def test_an_envelope_of_another_rate_is_fitted_on_demand(clip, exact):
    slow = exact.resample(50.0, duration=exact.duration + 1)
    with pytest.raises(ValueError, match=r"lasts 3\.500 s, not 2\.500 s.*resample"):
        generate(clip, options=Preview(envelope=slow))
    result = generate(clip, options=Preview(envelope=slow, resample=True))
    assert result.envelope.frame_rate == 120
    assert result.envelope.duration == pytest.approx(2.5, abs=0.01)


# ---- what is refused, and that it is before the work


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sound": "cheese"}, "'cheese'; use one of wood"),
        ({"seed": -1}, "seed is -1"),
        ({"mix_db": float("nan")}, "mix_db is nan"),
        ({"sample_rate": 100}, "sample_rate is 100 Hz"),
    ],
)
def test_options_that_cannot_be_meant(wrong, message):
    with pytest.raises(ValueError, match=message):
        GenerateOptions(**wrong)


def test_refused_before_the_work(clip, hit, exact, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("worked before it had checked")

    monkeypatch.setattr("folai.pipeline.predict_envelope", fail)
    silent, saved, out = tmp_path / "silent.wav", tmp_path / "env.json", tmp_path / "out.mp4"
    write_wav(silent, np.zeros((1, RATE), np.float32), RATE)
    exact.save(saved)
    refused = [
        (out, {"reference": silent}, "silent.wav: the reference is silent"),
        (out, {"reference": np.zeros(RATE)}, "the reference is silent"),
        (out, {"reference": tmp_path / "none.wav"}, "none.wav: does not exist"),
        (out, {"codec": "mp3"}, "codec is 'mp3'; use one of aac, flac"),
        (out, {"codec": "flac"}, "not written with 'flac'"),
        (clip, {}, "is the input itself"),
        (tmp_path / "out.xyz", {}, "unknown suffix"),
        (tmp_path / "no" / "out.mp4", {}, "no does not exist"),
        (tmp_path, {}, "unknown suffix|is a directory"),
    ]
    for path, options, message in refused:
        with pytest.raises(ValueError, match=message):
            generate(clip, path, GenerateOptions(**options))
    copied = tmp_path / "hit.wav"
    copied.write_bytes(hit.read_bytes())
    with pytest.raises(ValueError, match="is the input itself"):
        generate(clip, copied, GenerateOptions(reference=copied))
    assert copied.read_bytes() == hit.read_bytes()
    assert not out.exists()
