"""Systems in folders against the truth: figures that are known beforehand, and bad input."""

import json
import re

import numpy as np
import pytest

from folai.cli import main
from folai.envelope import Envelope
from folai.evaluate.sounds import measure as measuring
from folai.evaluate.sounds.comparison_sections import report_text, sound_sections
from folai.evaluate.sounds.folders import evaluate_sound
from folai.evaluate.sounds.measure import MeasureOptions, compare, measure
from folai.evaluate.sounds.pairs import Pair, pair_folders, system_names
from folai.evaluate.sounds.sets import Embedded, score_set
from folai.evaluate.sounds.system_scores import SoundOptions
from folai.media.audio import write_wav
from folai.preview.lay import lay

RATE, SECONDS = 44100, 2.5
LOG_MEL = SoundOptions(embeddings=("log-mel",), workers=1)


def blows(seed):
    """[1, T]: wood struck every half second or so, softly and hard."""
    rng = np.random.default_rng(seed)
    hits = [(t, rng.uniform(0.2, 0.6)) for t in np.arange(0.2, SECONDS - 0.3, 0.47)]
    return lay(Envelope.from_hits(hits, SECONDS), sound="wood", seed=seed)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Truth, itself, 20 ms late, silence, and noise, of three clips."""
    root = tmp_path_factory.mktemp("systems")
    made = {
        "truth": lambda wav, rng: wav,
        "same": lambda wav, rng: 0.5 * wav,
        "late": lambda wav, rng: np.roll(wav, round(0.02 * RATE)),
        "silence": lambda wav, rng: 0 * wav,
        "noise": lambda wav, rng: 0.1 * rng.standard_normal(wav.shape).astype(np.float32),
    }
    for name, make in made.items():
        (root / name / "in").mkdir(parents=True)
        for seed in range(3):
            wav = make(blows(seed), np.random.default_rng(seed))
            write_wav(root / name / "in" / f"clip{seed}.wav", wav, RATE, subtype="FLOAT")
    return root


def evaluated(folders, *names, options=LOG_MEL):
    report = evaluate_sound(folders / "truth", [folders / name for name in names], options)
    return {system.name: system for system in report.systems}, report


def test_known_systems_score_as_they_must(folders):
    systems, report = evaluated(folders, "same", "late", "silence", "noise")
    same, late, silence, noise = (systems[n] for n in ("same", "late", "silence", "noise"))
    assert same.mean("l1_16k").value == pytest.approx(0, abs=1e-9) and same.skill() == 1.0
    assert same.mean("correlation").value == same.mean("f1_50").value == 1.0
    assert same.mean("loudness_error").value == pytest.approx(-6.02, abs=0.01)
    assert same.sets[0].frechet == pytest.approx(0, abs=1e-6)
    assert same.sets[0].cosine == pytest.approx(1.0)
    lag = late.mean("lag")
    assert lag.value == pytest.approx(0.020, abs=0.005) and lag.low <= lag.value <= lag.high
    assert late.mean("best").value > 0.99 > late.mean("correlation").value
    assert silence.skill() == 0.0 and silence.skill("44k") == 0.0
    assert silence.mean("f1_50").value == silence.mean("correlation").value == 0.0
    assert silence.mean("loudness_error").count == 0 and silence.counted() == {"silent": 3}
    assert noise.skill() < 0 and noise.sets[0].frechet > 10 * late.sets[0].frechet
    text = report_text(report)
    assert "An empty file would have the better E-L1 at 16 kHz than noise" in text
    assert "better E-L1 at 16 kHz than same" not in text
    assert "only 3 clips" in text and "(silence)" in text


def test_levels_as_they_are(folders):
    options = SoundOptions(MeasureOptions(peak_normalised=False), ("log-mel",), workers=1)
    systems, report = evaluated(folders, "same", options=options)
    assert systems["same"].skill() == pytest.approx(0.5, abs=1e-6)
    assert "levels as they are" in report_text(report) and not report.to_dict()["peak_normalised"]


def test_pieces(folders):
    options = SoundOptions(MeasureOptions(piece=1.0), ("log-mel",), workers=1)
    systems, _ = evaluated(folders, "late", options=options)
    labels = [piece.label for piece in systems["late"].pieces]
    assert labels[:3] == ["in/clip0@0.0", "in/clip0@1.0", "in/clip0@2.0"] and len(labels) == 9
    assert systems["late"].pieces[2].seconds == pytest.approx(0.5)  # half a piece is kept


def test_bad_files_are_told_and_the_rest_goes_on(folders, tmp_path, capsys):
    truth, made = tmp_path / "truth", tmp_path / "made"
    truth.mkdir(), made.mkdir()
    wav = blows(0)
    for name in ("fine", "stereo", "rate", "short", "quiet", "nan", "corrupt", "alone"):
        write_wav(truth / f"{name}.wav", wav, RATE, subtype="FLOAT")
    write_wav(made / "fine.wav", wav, RATE)
    write_wav(made / "stereo.flac.wav", wav, RATE)  # another name
    write_wav(made / "stereo.wav", np.repeat(wav, 2, axis=0), RATE)
    write_wav(made / "rate.wav", wav[:, ::2], RATE // 2)
    write_wav(made / "short.wav", wav[:, : 2 * RATE], RATE)
    write_wav(made / "quiet.wav", 0 * wav, RATE)
    import soundfile

    broken = wav.copy()
    broken[0, 100] = np.nan
    soundfile.write(made / "nan.wav", broken.T, RATE, subtype="FLOAT")
    (made / "corrupt.wav").write_bytes(b"RIFF....WAVE, but no more")
    out = tmp_path / "report"
    command = ["evaluate", "sound", "--truth", str(truth), "--generated", str(made), "--json"]
    assert main([*command, "--embedding", "log-mel", "-o", str(out), "--players", "1"]) == 1
    (system,) = json.loads(capsys.readouterr().out)["systems"]
    assert system["unpaired"] == {
        "without_generated": ["alone"],
        "without_truth": ["stereo.flac"],
    }
    assert list(system["errors"]) == ["corrupt", "nan"] and "NaN" in system["errors"]["nan"]
    assert system["counted"] == {
        "mono against stereo": 1,
        "resampled": 1,
        "silent": 1,
        "shorter than the truth": 1,
    }
    by_name = {piece["name"]: piece for piece in system["pieces"]}
    assert len(by_name) == 5 and by_name["stereo"]["correlation"] > 0.9999
    assert by_name["short"]["seconds"] == by_name["fine"]["seconds"]  # silent where it has ended
    assert by_name["short"]["skill_44k"] < 0.9
    page = (out / "report.html").read_text()
    assert "could not be measured" in page and "alone" in page
    assert json.loads((out / "report.json").read_text())["figures"]["systems"]


def test_a_silent_truth_gives_no_number(folders):
    score = compare(blows(0), RATE, 0 * blows(0), RATE, "x", MeasureOptions())
    (piece,) = score.pieces
    assert np.isnan([piece.skill_16k, piece.correlation, piece.f1_50, piece.loudness_error]).all()
    assert score.notes == {"silent truth": 1.0}


def test_folders_that_will_not_do_are_named(folders, tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        pair_folders(folders / "truth", tmp_path / "missing", "x")
    with pytest.raises(ValueError, match="no sound or video files"):
        pair_folders(folders / "truth", tmp_path, "x")
    for name in ("other.wav", "same.wav", "same.flac"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="keep one of them"):
        pair_folders(folders / "truth", tmp_path, "x")
    (tmp_path / "same.flac").unlink()
    with pytest.raises(ValueError, match="no file has the name of one"):
        pair_folders(folders / "truth", tmp_path, "x")
    assert system_names([folders / "same", folders / "late"]) == ["same", "late"]
    assert system_names([tmp_path / "a" / "x", tmp_path / "b" / "x"]) == ["a/x", "b/x"]
    with pytest.raises(ValueError, match="given twice"):
        system_names([tmp_path, tmp_path])
    with pytest.raises(ValueError, match=r"give 0\.5 or more"):
        MeasureOptions(piece=0.1)
    with pytest.raises(ValueError, match="give 1 to 256"):
        SoundOptions(workers=0)


def test_one_clip_has_no_frechet_distance():
    vectors = np.random.default_rng(0).standard_normal((3, 4))
    score = score_set("x", [Embedded(vectors, vectors)])
    assert np.isnan(score.frechet) and "no covariance" in score.warning
    assert score.cosine == pytest.approx(1.0)


def test_classes_words_and_pictures():
    rng = np.random.default_rng(1)
    made, true = rng.standard_normal((2, 30, 2, 4))
    tags = rng.random((30, 2, 5))
    clips = [
        Embedded(m, t, (g[0], g[1]), prompt=m.mean(axis=0), picture=m[0])
        for m, t, g in zip(made, true, tags, strict=True)
    ]
    score = score_set("x", clips)
    assert score.kl > 0 and 1 < score.inception < 5 and score.words == pytest.approx(1.0)
    assert score.favd > score_set("x", [Embedded(t, t, picture=t[0]) for t in true]).favd
    assert score.favd == pytest.approx(  # pictures are the same on both sides
        score_set("x", [Embedded(m, t, picture=m[0]) for m, t in zip(made, true, strict=True)]).favd
    )
    assert "fewer vectors" not in score.warning and "only 30 clips" in score.warning


def test_the_cache_goes_by_what_is_in_the_files(folders, tmp_path, monkeypatch):
    pair = Pair("x", folders / "truth/in/clip0.wav", folders / "late/in/clip0.wav")
    first = measure(pair, MeasureOptions(), tmp_path)
    monkeypatch.setattr(measuring, "compare", lambda *given: pytest.fail("measured again"))
    moved = tmp_path / "moved.wav"
    moved.write_bytes(pair.generated.read_bytes())
    again = measure(Pair("y", pair.truth, moved), MeasureOptions(), tmp_path)
    assert again.name == again.pieces[0].name == "y"
    assert again.pieces[0].correlation == first.pieces[0].correlation
    assert all(np.array_equal(a, b) for a, b in zip(again.vectors, first.vectors, strict=True))
    monkeypatch.undo()
    write_wav(moved, blows(2), RATE)
    changed = measure(Pair("y", pair.truth, moved), MeasureOptions(), tmp_path)
    assert changed.pieces[0].correlation != first.pieces[0].correlation


def test_workers_change_no_digit(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("folai.evaluate.sounds.folders.INLINE", 1)
    options = SoundOptions(embeddings=("log-mel",), workers=2, cache=tmp_path)
    _, inline = evaluated(folders, "late", "noise")
    told = []
    report = evaluate_sound(
        folders / "truth", [folders / "late", folders / "noise"], options, told.append
    )
    assert json.dumps(report.to_dict()) == json.dumps(inline.to_dict())
    assert report_text(report) == report_text(inline)
    assert told == sorted(told) and told[-1] == 1.0


def test_the_page_needs_nothing_else(folders, tmp_path):
    out = tmp_path / "report"
    command = ["evaluate", "sound", "--truth", str(folders / "truth"), "--quiet"]
    command += ["--generated", str(folders / "late"), "--generated", str(folders / "noise")]
    command += ["--embedding", "log-mel", "-o", str(out), "--players", "1"]
    assert main([*command, "--listening", "mushra", "--listening-clips", "1"]) == 0
    page = (out / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "@import" not in page
    assert page.count("<audio") == 3 and page.count("data:audio/flac") == 3 + 4
    assert "prefers-color-scheme: dark" in page
    test = json.loads(re.search(r'id="test-data">(.*?)</script>', page, re.DOTALL)[1])
    assert test["kind"] == "mushra" and len(test["trials"]) == 1
    heard = {option["system"] for option in test["trials"][0]["options"]}
    assert heard == {"truth", "late", "noise", "anchor"}
    again = tmp_path / "again"
    command[command.index(str(out))] = str(again)
    assert main([*command, "--listening", "mushra", "--listening-clips", "1"]) == 0
    assert (again / "report.html").read_bytes() == (out / "report.html").read_bytes()


def test_every_section_has_a_place(folders):
    _, report = evaluated(folders, "late")
    sections = sound_sections(report, players=1)
    assert [s.key for s in sections] == ["figures", "sets", "listen", "clips"]
