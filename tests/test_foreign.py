"""Files of other systems as envelopes, written here as their published code writes them."""

import numpy as np
import pytest

from folai import Envelope, GenerateOptions
from folai.envelope.foreign import class_levels
from folai.pipeline import generate

RISE = np.repeat(np.arange(64), 20)[:1250]  # classes at 125 Hz


def test_onsets_of_syncfusion(tmp_path):
    rows = [(2.677438, "ceramic hit static"), (0.5, "ceramic hit static"), (3.675198, "")]
    ends = (".times.csv", ".times.pred.csv", "_times.txt")
    table, predicted, words = (tmp_path / f"2015-02-16-16-49-06{end}" for end in ends)
    table.write_text("".join(f"{time},{word}\n" for time, word in rows))
    np.savetxt(predicted, [time for time, _ in rows], fmt="%.4f", delimiter="\n")
    words.write_text("".join(f"{time} {word}\n" for time, word in rows))
    for path in (table, predicted, words):
        envelope = Envelope.load(path, duration=10.0)
        assert np.allclose(envelope.onsets, [0.5, 2.677438, 3.675198], atol=1e-4)
        assert envelope.duration == pytest.approx(10.0, abs=0.01)
        assert envelope.at(0.52) > 0.3 and envelope.at(1.9) < 1e-3
    assert Envelope.load(table).duration == pytest.approx(4.675, abs=0.01)
    with pytest.raises(ValueError, match=r"2\.677438 s is outside"):
        Envelope.load(table, duration=2.0)


@pytest.mark.parametrize("text", ["time,label\n1.0,hit\n", "", "-1.0,hit\n", "nan\n"])
def test_what_is_no_list_of_onsets_is_refused(text, tmp_path):
    (tmp_path / "a.times.csv").write_text(text)
    with pytest.raises(ValueError, match=r"a\.times\.csv: (row 1|holds no onsets)"):
        Envelope.load(tmp_path / "a.times.csv")


def test_classes_are_companded_as_published():
    """Levels from x = log(1 + 63 r) / log 64, evenly from r = 0.01 to 1, the lowest silent."""
    levels = class_levels()
    companded = np.log1p(63 * levels[1:]) / np.log(64)
    first = np.log1p(0.63) / np.log(64)
    assert np.allclose(np.diff(companded), (1 - first) / 63)
    assert levels[0] == 0 and levels[-1] == pytest.approx(1.0)


def test_loudness_of_video2rms(tmp_path):
    """Scores, classes, RMS, and RMS as the second stage takes it are one envelope."""
    scores = np.full((1, 64, 1250), -1.0, np.float32)
    scores[0, RISE, np.arange(1250)] = 2.0
    levels = class_levels()[RISE]
    handed = np.zeros((1, 1024), np.float32)
    handed[0, :1000] = levels[(np.arange(1000) * 1.25).astype(int)]  # nearest, then padded
    times = np.arange(100, 1190) / 120
    for name, array in {"s": scores, "c": RISE, "r": levels[None], "h": handed}.items():
        np.save(tmp_path / f"{name}.npy", array)
        envelope = Envelope.load(tmp_path / f"{name}.npy", frame_rate=120, duration=10.0)
        wanted = np.interp(times, (np.arange(1250) + 0.5) / 125, levels)
        assert np.abs(envelope.at(times) - wanted).max() < 0.04
    np.save(tmp_path / "two.npy", np.concatenate([scores, scores]))
    assert Envelope.load(tmp_path / "two.npy").duration == pytest.approx(20.0)


def test_a_stored_tensor_is_read_without_running_it(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.from_numpy(RISE), tmp_path / "pred_rms.pt")
    envelope = Envelope.load(tmp_path / "pred_rms.pt")
    assert envelope.values[-1] == pytest.approx(class_levels()[RISE[-1]], abs=1e-6)
    torch.save({"epoch": 500}, tmp_path / "checkpoint_000500_Video2RMS.pt")
    with pytest.raises(ValueError, match="holds a dict: store the tensor pred_rms itself"):
        Envelope.load(tmp_path / "checkpoint_000500_Video2RMS.pt")
    torch.save(GenerateOptions, tmp_path / "code.pt")
    with pytest.raises(ValueError, match="cannot be read as a tensor"):
        Envelope.load(tmp_path / "code.pt")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(77), "has 77 frames a window: Video2RMS has 1250 or 1000 in 10 s"),
        (np.full(1250, 64), "classes beyond 0 to 63"),
        (np.full(1250, -0.1), "negative or no number"),
        (np.array(["x"]), "no array of numbers"),
    ],
)
def test_what_is_no_prediction_is_refused(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        Envelope.load(tmp_path / "a.npy")


def test_a_clip_sounds_along_foreign_onsets(clip, tmp_path):
    (tmp_path / "clip.times.pred.csv").write_text("0.2\n0.5\n")
    options = GenerateOptions(
        envelope=tmp_path / "clip.times.pred.csv", engine="preview", sound="wood"
    )
    result = generate(clip, options=options)
    assert np.allclose(result.envelope.onsets, [0.2, 0.5])
    assert not result.wav[:, : round(0.19 * 44100)].any() and result.wav.any()
