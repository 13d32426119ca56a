"""Listening tests: what the page is given, and what answers mean."""

import json

import numpy as np
import pytest

from folai.cli import main
from folai.evaluate.sounds.listening import Heard, anchor, make_test
from folai.evaluate.sounds.listening_answers import evaluate_listening
from folai.metrics import wilson_interval

RATE = 16000


def heard(number=3):
    rng = np.random.default_rng(0)
    return [
        Heard(f"clip{i}", {s: 0.1 * rng.standard_normal(800) for s in ("truth", "ours", "theirs")})
        for i in range(number)
    ]


def saved(path, kind, answers, **other):
    told = {"format": "folai-listening", "version": 1, "kind": kind, "seed": 0, "answers": answers}
    path.write_text(json.dumps(told | other))
    return path


def test_every_pair_is_asked_in_an_order_drawn_by_the_seed():
    test = make_test(heard(), RATE, kind="pairs", seed=1)
    assert len(test["trials"]) == 3 * 3 and len(test["sounds"]) == 9
    asked = [(t["clip"], frozenset(o["system"] for o in t["options"])) for t in test["trials"]]
    assert len(set(asked)) == 9 and asked != sorted(asked, key=lambda a: a[0])
    assert all(option["sound"] in test["sounds"] for t in test["trials"] for option in t["options"])
    assert test == make_test(heard(), RATE, kind="pairs", seed=1)
    assert test["trials"] != make_test(heard(), RATE, kind="pairs", seed=2)["trials"]
    first = [
        t["options"][0]["system"]
        for t in make_test(heard(40), RATE, kind="pairs", seed=0)["trials"]
    ]
    assert 25 < first.count("truth") < 55  # of 80 pairs with the truth, on either side


def test_mushra_rows_hide_the_truth_and_an_anchor():
    (trial, *_) = make_test(heard(1), RATE, kind="mushra", seed=0)["trials"]
    assert {o["system"] for o in trial["options"]} == {"truth", "ours", "theirs", "anchor"}
    assert trial["reference"] in {o["sound"] for o in trial["options"] if o["system"] == "truth"}
    spectrum = np.abs(np.fft.rfft(anchor(heard(1)[0].sounds["truth"], RATE)))
    hertz = np.fft.rfftfreq(800, 1 / RATE)
    assert spectrum[hertz > 3600].max() < 1e-3 * spectrum[hertz < 3400].max()


def test_what_cannot_be_a_test_is_named():
    with pytest.raises(ValueError, match="use one of pairs, mushra"):
        make_test(heard(), RATE, kind="abx", seed=0)
    with pytest.raises(ValueError, match="needs two or more"):
        make_test([Heard("a", {"truth": np.zeros(10)})], RATE, kind="pairs", seed=0)


def test_preferences(tmp_path, capsys):
    def answer(a, b, preferred):
        return {"clip": "x", "systems": [a, b], "preferred": preferred}

    first = [answer("ours", "theirs", "ours")] * 6 + [answer("theirs", "ours", "theirs")] * 2
    second = [answer("theirs", "ours", None)] * 2
    paths = [
        saved(tmp_path / "a.json", "pairs", first),
        saved(tmp_path / "b.json", "pairs", second),
    ]
    report = evaluate_listening(paths)
    found = {(p.system, p.other): p for p in report.preferences}
    ours = found["ours", "theirs"]
    assert (ours.rate, ours.count) == (0.7, 10) and found["theirs", "ours"].rate == pytest.approx(
        0.3
    )
    assert (ours.low, ours.high) == pytest.approx(wilson_interval(7, 10))
    assert found["ours", ""].count == 10 and report.num_listeners == 2
    assert main(["evaluate", "listening", *map(str, paths)]) == 0
    assert "70%" in capsys.readouterr().out


def test_ratings_leave_out_who_did_not_hear_the_hidden_truth(tmp_path):
    good = [{"clip": str(i), "scores": {"truth": 95 + i, "ours": 60 + i}} for i in range(4)]
    bad = [{"clip": str(i), "scores": {"truth": 20, "ours": 90}} for i in range(4)]
    paths = [
        saved(tmp_path / "good.json", "mushra", good),
        saved(tmp_path / "bad.json", "mushra", bad),
    ]
    report = evaluate_listening(paths)
    ours = {rating.system: rating for rating in report.ratings}["ours"]
    assert ours.mean == 61.5 and ours.low < 61.5 < ours.high and ours.count == 4
    assert report.num_listeners == 1 and "below 90 in 4 of 4" in report.left_out[0]
    with pytest.raises(ValueError, match="no listener is left"):
        evaluate_listening(paths[1:])


def test_files_that_are_no_answers_are_named(tmp_path, capsys):
    (tmp_path / "x.json").write_text("{}")
    assert main(["evaluate", "listening", str(tmp_path / "x.json")]) == 2
    assert "no answers of a listening test" in capsys.readouterr().err
    empty = saved(tmp_path / "empty.json", "pairs", [])
    with pytest.raises(ValueError, match="holds no answers"):
        evaluate_listening([empty])
    with pytest.raises(ValueError, match="cannot be read"):
        evaluate_listening([tmp_path / "missing.json"])
    rows = [{"clip": "x", "scores": {"truth": 100}}]
    mixed = [
        saved(tmp_path / "m.json", "mushra", rows),
        saved(tmp_path / "p.json", "pairs", [{"systems": ["a", "b"], "preferred": "a"}]),
    ]
    with pytest.raises(ValueError, match="one kind"):
        evaluate_listening(mixed)


def test_intervals_stay_within_a_share():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == pytest.approx(1.0)
