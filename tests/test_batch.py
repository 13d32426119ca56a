"""Many clips: lists, what is done and what is not, workers that die, runs that are killed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

import folai
from folai import Envelope
from folai.cli import main
from folai.envelope.segments import Segment, cut, joined, parts_of, read_segments
from folai.jobs.columns import read_values
from folai.jobs.job import Job, usual_name
from folai.jobs.job_lists import JobList
from folai.jobs.making import do_job, do_jobs
from folai.jobs.records import find_done
from folai.jobs.supervisor import Worker, do_here
from folai.media.audio import read_audio
from folai.pipeline import GenerateOptions, Models, play_envelope

# No prediction, and no look for what it could sound like: without PyTorch a worker starts at once.
QUICK = {"engine": "preview", "sound": "wood", "envelope": "env.json"}

parquet = pytest.importorskip("pyarrow.parquet", reason="results need pyarrow")


@pytest.fixture
def season(clip, tmp_path, monkeypatch):
    """A folder to work in: four clips in clips/, and an envelope."""
    monkeypatch.chdir(tmp_path)
    Path("clips/day2").mkdir(parents=True)
    for name in ("a", "b", "day2/a", "day2/c"):
        Path(f"clips/{name}.mp4").write_bytes(clip.read_bytes())
    Path("clips/notes.txt").write_text("no clip")
    Envelope.from_hits([0.5, 1.5], 2.5).save("env.json")
    return tmp_path


@pytest.fixture
def no_workers(monkeypatch):
    """Jobs are done in this process, which takes half the time: for tests of what becomes of them
    and not of who does them."""
    models = Models()

    def do(jobs, out, *_):
        for job in jobs:
            yield job, do_job(job, out, models)

    monkeypatch.setattr("folai.jobs.batch.do_here", do)


def write_csv(path, *rows):
    names = dict.fromkeys(name for row in rows for name in row)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def run(jobs, out="out", **options):
    return folai.batch(jobs, out, **{"workers": 1, **QUICK, **options})


def counts(report):
    return report.done, report.skipped, report.failed


def finished(out="out"):
    """All files of an output folder but the records, by name."""
    files = (path for path in Path(out).rglob("*") if path.is_file())
    own = ("report", "results")
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in files
        if ".folai" not in path.parts and not path.name.startswith(own)
    }


def rows_of(report):
    return parquet.read_table(report.results).to_pylist()


# ---- what a run writes, and what a further run does


def test_a_folder_of_clips(season):
    report = run("clips")
    assert counts(report) == (4, 0, 0)
    names = ["a.mp4", "b.mp4", "day2/a.mp4", "day2/c.mp4"]
    assert sorted(finished()) == sorted([*names, *(f"{name}.envelope.json" for name in names)])
    rows = rows_of(report)
    assert [row["output"] for row in rows] == names
    assert all(row["onsets"] == [0.5, 1.5] and row["num_onsets"] == 2 for row in rows)
    assert all(row["duration"] == 2.5 and -60 < row["loudness"] < 0 for row in rows)
    assert {row["status"] for row in rows} == {"done"} and len({row["key"] for row in rows}) == 1
    page = Path(report.page).read_text()
    assert page.count("<tr") == 5 and 'href="day2/c.mp4"' in page
    assert "4 done" in report.summary() and "clips a minute" in report.summary()
    folai.generate("clips/a.mp4", "one.mp4", folai.GenerateOptions(**QUICK))
    wavs = [read_audio(path)[0] for path in ("one.mp4", "out/day2/c.mp4")]
    assert np.array_equal(*wavs)


def test_a_job_is_named_after_a_container_that_takes_its_pictures():
    names = {"a.mp4": "a.mp4", "b/c.MOV": "b/c.MOV", "d.gif": "d.mov", "e.mxf": "e.mkv"}
    assert {name: usual_name(name) for name in names} == names


def test_what_is_done_is_what_is_there(season, no_workers, clip):
    run("clips")
    before = finished()
    times = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.mp4")}
    assert counts(run("clips")) == (0, 4, 0)
    assert times == {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.mp4")}
    os.utime("clips/a.mp4")  # copied or touched: the content is the same
    os.utime("out/b.mp4")
    assert counts(run("clips")) == (0, 4, 0)
    half = Path("out/.folai/results.parquet.part")
    half.write_text("what a run that was killed has left")
    Path("out/a.mp4").unlink()
    Path("out/b.mp4").write_bytes(before["b.mp4"][:-1] + b"x")
    assert counts(run("clips")) == (2, 2, 0)
    assert finished() == before and not half.exists()
    with Path("clips/day2/c.mp4").open("ab") as file:  # another content
        file.write(b"\0" * 16)
    assert counts(run("clips")) == (1, 3, 0)
    assert counts(run("clips", sound="metal")) == (4, 0, 0)
    Envelope.from_hits([0.7], 2.5).save("env.json")
    assert counts(run("clips", sound="metal")) == (4, 0, 0)


def test_another_version_does_it_again(season, monkeypatch):
    job = next(iter(JobList.of("clips", QUICK)))
    assert "error" not in do_job(job, "out", Models())
    assert find_done("out", job)["onsets"] == [0.5, 1.5]
    monkeypatch.setattr(folai, "__version__", "9.0")
    assert find_done("out", job) is None


def test_parts_do_each_job_once(season, no_workers):
    done = [run("clips", part=f"{k}/3").done for k in (1, 2, 3)]
    assert done == [2, 1, 1]
    assert Path("out/results.2-of-3.parquet").is_file() and Path("out/report.1-of-3.html").is_file()
    assert counts(run("clips")) == (0, 4, 0)


# ---- tables


def test_a_table_has_the_options_of_generate(season, no_workers, capsys):
    rows = [
        {"video": "clips/a.mp4", "out": "wood.wav", "variations": "2", "seed": "7"},
        {"video": "clips/a.mp4", "out": "metal/x.wav", "sound": "metal"},
        {"video": "clips/missing.mp4"},
        {"video": "clips/b.mp4", "seed": "many"},
        {"video": "clips/b.mp4", "sound": "cheese"},
        {"video": ""},
        {"video": "clips/b.mp4", "out": "../b.mp4"},
        {"video": "env.json", "out": "no.mp4"},
    ]
    for row in rows:
        row["envelope"] = "env.json"
    report = run(write_csv("jobs.csv", *rows), envelope=None)
    assert counts(report) == (2, 0, 6)
    assert {"wood.wav", "wood.take2.wav", "metal/x.wav"} <= finished().keys()
    assert soundfile.read("out/metal/x.wav")[0].shape[0] == round(2.5 * 44100)
    told = [
        "clips/missing.mp4: does not exist",
        "row 4: seed is 'many'; give a whole number",
        "row 5: sound is 'cheese'; use one of",
        "row 6: no video is named",
        "row 7: out is '../b.mp4'; give a name inside the output folder",
        "env.json: is not a readable video or sound file",
    ]
    for line, begin in zip(report.failures, told, strict=True):
        assert begin in line
        assert "\n" not in line
    assert [row["job"] for row in rows_of(report)] == list(range(1, 9))
    assert [row["error"] is None for row in rows_of(report)] == [True, True] + 6 * [False]
    assert main(["batch", "jobs.csv", "-o", "out", "--sound", "wood", "--workers", "1"]) == 1
    printed = capsys.readouterr().out
    assert "0 done, 2 were done before, 6 failed" in printed
    assert "failed: row 4: seed" in printed


def test_tables_of_every_kind_say_the_same(season):
    import pyarrow

    rows = [
        {"video": "clips/a.mp4", "prompt": None, "seed": 3, "mix_db": -6.0, "resample": True},
        {"video": "clips/b.mp4", "seed": 2**53 + 1, "segments": [[0, 1.5, "wood"]]},
    ]
    Path("jobs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    segments = [{"start": 0.0, "end": 1.5, "prompt": "wood"}]
    stored = [{**rows[0], "segments": None}, {**rows[1], "segments": segments}]
    parquet.write_table(pyarrow.Table.from_pylist(stored), "jobs.parquet")
    plain = [{n: "" if v is None else v for n, v in row.items()} for row in rows]
    plain[1] |= {"segments": json.dumps(rows[1]["segments"])}
    write_csv("jobs.csv", *plain)
    with_envelope = {"envelope": "env.json"}
    lists = [
        [job.values for job in JobList.of(jobs, with_envelope)]
        for jobs in ("jobs.csv", "jobs.jsonl", "jobs.parquet", rows)
    ]
    assert lists[0][1]["seed"] == 2**53 + 1
    assert lists[0][1]["segments"] == [[0.0, 1.5, "wood"]]
    assert lists[0] == lists[1] == lists[3]
    assert [job["seed"] for job in lists[2]] == [3, 2**53 + 1]
    assert lists[2][1]["segments"] == [[0.0, 1.5, "wood"]]


def test_cells_are_read_as_their_options():
    read = read_values({"seed": "3", "mix_db": "-6", "resample": "yes", "cfg_scale": 2})
    assert read == {"seed": 3, "mix_db": -6.0, "resample": True, "cfg_scale": 2.0}
    assert read_values({"seed": 4.0, "prompt": "", "reference": None, "mix_db": float("nan")}) == {
        "seed": 4
    }
    for cell in ({"seed": "1.5"}, {"seed": True}, {"mix_db": "loud"}, {"resample": "perhaps"}):
        with pytest.raises(ValueError, match=next(iter(cell))):
            read_values(cell)


def test_files_of_a_table_are_beside_it(season, no_workers):
    Path("lists").mkdir()
    Path("lists/e.json").write_bytes(Path("env.json").read_bytes())
    table = write_csv("lists/jobs.csv", {"video": "../clips/a.mp4", "envelope": "e.json"})
    assert counts(run(table, envelope=None)) == (1, 0, 0)
    assert "a.mp4" in finished()


# ---- what is refused before any work


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("empty -o out", "empty: no clips; give a folder with .mp4"),
        ("nowhere -o out", "nowhere: does not exist"),
        ("clips/*.mkv -o out", "clips/*.mkv: no clips"),
        ("clips -o clips/out", "is inside the clips' own folder"),
        ("clips -o clips", "is inside the clips' own folder"),
        ("clips/*.mp4 -o clips", "is inside the clips' own folder"),
        ("without.csv -o out", "without.csv: no column video"),
        ("typo.csv -o out", "unknown column 'promt'; use video, out, "),
        ("typo.jsonl -o out", "unknown column 'promt'"),
        ("twice.csv -o out", "rows 1 and 3 both write x.mp4; give them a column out"),
        ("over.csv -o clips", "row 1 would write over the file that row 1 reads"),
        ("hollow.csv -o out", "hollow.csv: holds no rows"),
        ("clips -o out --part 4/3", "part is '4/3'; give K/N"),
        ("clips -o out --workers 0", "workers is 0; give auto, or 1 or more"),
        ("clips -o out --clips-at-once 65", "clips_at_once is 65; give auto, or 1 to 64"),
        (
            "clips -o out --cfg-scale 99",
            "no row can be done: row 1: cfg_scale is 99.0; give 0",
        ),
        ("clips -o env.json", "env.json/.folai: cannot be created"),
        ("clips -o /proc/out", "cannot be created"),
        ("bad.parquet -o out", "bad.parquet: is no Parquet file"),
    ],
)
def test_bad_input_is_one_line_before_the_work(season, capsys, arguments, message):
    Path("empty").mkdir()
    write_csv("without.csv", {"clip": "clips/a.mp4"})
    write_csv("typo.csv", {"video": "clips/a.mp4", "promt": "wood"})
    Path("typo.jsonl").write_text('{"video": "clips/a.mp4"}\n{"video": "b", "promt": "x"}\n')
    write_csv("twice.csv", *({"video": "clips/a.mp4", "out": f"{n}.mp4"} for n in "xyx"))
    write_csv("over.csv", {"video": "clips/a.mp4", "out": "a.mp4"})
    Path("hollow.csv").write_text("video\n")
    Path("bad.parquet").write_text("no")
    assert main(["batch", *arguments.split()]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert message in said.err
    assert not Path("out").exists() and sorted(Path("clips").iterdir()) == sorted(
        Path("clips") / name for name in ("a.mp4", "b.mp4", "day2", "notes.txt")
    )


def test_outputs_beside_the_clips_of_a_pattern_are_no_clips(season, no_workers):
    assert counts(run("clips/*.mp4", "clips/out")) == (2, 0, 0)
    assert counts(run("clips/*.mp4", "clips/out")) == (0, 2, 0)


# ---- workers that die, runs that are killed


DEADLY = """
import json, os, sys
for line in sys.stdin:
    facts, memory = [], 0
    for job in json.loads(line)["jobs"]:
        marker = os.path.join(sys.argv[1], str(job["number"]))
        if job["seed"] == "once" and not os.path.exists(marker):
            open(marker, "w").close()
            os.kill(os.getpid(), 9)
        if job["seed"] == "always":
            os.kill(os.getpid(), 11)
        memory += int(job["seed"] == "much") * 100
        facts.append({"pid": os.getpid()})
    print(json.dumps({"facts": facts, "memory": memory}))
    sys.stdout.flush()
""".replace('job["seed"]', 'job["values"]["seed"]')


def deadly(monkeypatch, tmp_path, seeds, **options):
    """What becomes of jobs that end their workers as their seeds say."""

    def start(self):
        command = [sys.executable, "-c", DEADLY, str(tmp_path)]
        return subprocess.Popen(command, stdin=-1, stdout=-1, text=True)

    monkeypatch.setattr(Worker, "_start", start)
    jobs = [Job(n, f"{n}.mp4", f"{n}.mp4", {"seed": s}) for n, s in enumerate(seeds, start=1)]
    return {job.number: facts for job, facts in do_here(iter(jobs), "out", **options)}


def test_a_worker_that_dies_costs_its_job_one_try(monkeypatch, tmp_path):
    seeds = ["", "once", "", "always", "", "once", ""]
    told = deadly(monkeypatch, tmp_path, seeds, workers=2)
    assert [told[n].get("tries") for n in range(1, 8)] == [1, 2, 1, 2, 1, 2, 1]
    assert [n for n, facts in told.items() if "error" in facts] == [4]
    assert told[4]["error"].startswith("4.mp4: the worker ended 2 times (signal SIGSEGV)")


def test_of_clips_at_once_the_one_to_blame_is_found(monkeypatch, tmp_path):
    seeds = ["", "once", "", "always", "", "", ""]
    told = deadly(monkeypatch, tmp_path, seeds, workers=1, at_once=3)
    assert [told[n]["tries"] for n in range(1, 8)] == [2, 2, 2, 2, 2, 2, 1]
    assert [n for n, facts in told.items() if "error" in facts] == [4]


def test_a_worker_that_has_grown_is_replaced(monkeypatch, tmp_path):
    told = deadly(monkeypatch, tmp_path, ["", "", "much", "", ""], workers=1, restart_at=50)
    pids = [told[n]["pid"] for n in range(1, 6)]
    assert len(set(pids[:3])) == 1 and len(set(pids[3:])) == 1 and pids[2] != pids[3]
    assert all(facts["tries"] == 1 for facts in told.values())


def test_a_real_worker_is_killed(season):
    worker = Worker()
    jobs = list(JobList.of("clips", QUICK))
    assert worker.do(jobs[:1], "out")[0]["onsets"] == [0.5, 1.5]
    os.kill(worker.pid, signal.SIGKILL)
    (facts,) = worker.do(jobs[1:2], "out")
    assert facts["tries"] == 2 and facts["duration"] == 2.5
    worker.close()
    assert worker.pid is None


def start_batch(*arguments):
    command = [sys.executable, "-m", "folai", "batch", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_run_that_is_killed_goes_on(season, clip):
    """The driver, at moments of its run; the same command then finishes what is left."""
    for number in range(6):
        Path(f"clips/more{number}.mp4").write_bytes(clip.read_bytes())
    table = write_csv(
        "jobs.csv",
        *(
            {"video": str(path), "out": f"{path.stem}{path.parent.name}.wav"}
            for path in sorted(Path("clips").rglob("*.mp4"))
        ),
    )
    rest = ["--engine", "preview", "--sound", "wood", "--workers", "2"]
    write_csv("with.csv", *({**row, "envelope": "env.json"} for row in csv.DictReader(open(table))))
    expected = None
    for moment in (1, 4):  # finished files, from which on it is killed
        process = start_batch("with.csv", "-o", "out", *rest)
        deadline = time.monotonic() + 120
        while len(list(Path("out").glob("*.wav"))) < moment and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
        for path in Path("out").glob("*.wav"):  # whole, each of them
            assert soundfile.read(path)[0].shape[0] == round(2.5 * 44100), path
            expected = expected or path.read_bytes()
            assert path.read_bytes() == expected
    report = folai.batch("with.csv", "out", workers=2, engine="preview", sound="wood")
    assert report.failed == 0 and report.skipped >= 2 and report.total == 10
    assert Counter(row["output"] for row in rows_of(report)).most_common(1)[0][1] == 1
    assert sum(name.endswith(".wav") for name in finished()) == 10
    assert not list(Path("out/.folai").glob("*.part"))  # nothing half-written is left


def test_workers_and_order_change_no_take(season):
    """With the trained model: this process, and two workers with the jobs in another order."""
    rows = [
        {"video": "clips/a.mp4", "out": f"{n}.wav", "prompt": "hit wood", "seed": n}
        for n in range(3)
    ]
    common = {"engine": "diffusion", "num_steps": 2}
    jobs = list(JobList.of(rows, {**common, "envelope": "env.json"}))
    models = Models()
    for job in jobs:
        do_job(job, "one", models)
    run(rows[::-1], "two", workers=2, sound=None, **common)
    assert finished("one") == finished("two")
    assert len({data for name, data in finished("one").items() if name.endswith("wav")}) == 3
    jobs.insert(1, Job(4, "env.json", "no.wav", jobs[0].values))
    jobs[2].values["prompt"] = "hit wood oddly"
    facts = do_jobs(jobs, "together", models)  # in one denoising batch
    assert ["error" in one for one in facts] == [False, True, False, False]
    assert [len(facts[n]["warnings"]) for n in (0, 2, 3)] == [0, 1, 0]
    for n in (0, 2):
        ours, theirs = (soundfile.read(f"{out}/{n}.wav")[0] for out in ("one", "together"))
        assert np.abs(ours - theirs).max() <= 2 / 2**15  # in 16 bits


def test_places_of_another_file_system(season):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name in ("a", "b"):
        memory.pipe_file(f"/season/{name}.mp4", Path(f"clips/{name}.mp4").read_bytes())
    jobs = list(JobList.of("memory://season", QUICK))
    assert [job.video for job in jobs] == ["memory://season/a.mp4", "memory://season/b.mp4"]
    facts = do_job(jobs[0], "memory://finished", Models())
    assert facts["onsets"] == [0.5, 1.5]
    assert find_done("memory://finished", jobs[0]) is not None
    assert find_done("memory://finished", jobs[1]) is None
    assert do_job(jobs[0], "memory://finished", Models()) == facts
    do_job(Job(1, "clips/a.mp4", "a.mp4", jobs[0].values), "out", Models())
    assert memory.cat_file("/finished/a.mp4") == Path("out/a.mp4").read_bytes()
    memory.pipe_file("/season/env.json", Path("env.json").read_bytes())
    memory.pipe_file("/season/jobs.csv", b"video,envelope,reference\nb.mp4,env.json,none.wav\n")
    (job,) = JobList.of("memory://season/jobs.csv")  # files are beside it
    assert job.values == {"envelope": "memory://season/env.json", "reference": "none.wav"}
    memory.rm("/season/b.mp4")
    assert "does not exist" in do_job(jobs[1], "memory://finished", Models())["error"]


# ---- parts of a clip with a sound of their own


def test_segments_are_read():
    segments = read_segments('[[1.5, null, "metal"], [0, 1, "wood"]]')
    assert [(s.start, s.end, s.prompt) for s in segments] == [
        (0.0, 1.0, "wood"),
        (1.5, float("inf"), "metal"),
    ]
    assert [s.prompt for s in parts_of(segments, 3.0)] == ["wood", None, "metal"]
    assert [(s.start, s.end) for s in parts_of(segments, 3.0)] == [(0, 1), (1, 1.5), (1.5, 3)]
    with pytest.raises(ValueError, match=r"the clip lasts 1.20 s; give times within it"):
        parts_of(segments, 1.2)


@pytest.mark.parametrize(
    "wrong",
    [
        "wood",
        "[1, 2]",
        [[0, 1]],
        [[0, "x", "wood"]],
        [[1, 0.5, "wood"]],
        [[0, 1, " "]],
        [[-1, 1, "w"]],
        [[0, 1, "wood"], [0.5, 2, "metal"]],
        [{"start": 0, "stop": 1, "prompt": "wood"}],
    ],
)
def test_what_is_no_segment_is_refused(wrong):
    with pytest.raises(ValueError, match="segments"):
        read_segments(wrong)


def test_parts_are_joined_without_a_seam():
    rate, rng = 8000, np.random.default_rng(0)
    segments = [Segment(0, 1, "a"), Segment(1, 2, "b")]
    from folai.envelope.segments import widened

    spans = [widened(segment, 2.0) for segment in segments]
    wavs = [rng.standard_normal((1, round((b - a) * rate))).astype(np.float32) for a, b in spans]
    whole = joined(wavs, [start for start, _ in spans], 2 * rate, rate)
    assert whole.shape == (1, 2 * rate)
    assert np.array_equal(whole[:, : round(0.98 * rate)], wavs[0][:, : round(0.98 * rate)])
    around = whole[0, round(0.99 * rate) : round(1.01 * rate)]
    assert around.std() == pytest.approx(1.0, abs=0.2)  # no dip, no bump


def test_segments_have_their_own_prompts():
    envelope = Envelope.from_hits([0.3, 0.8, 1.4, 1.9], 2.4)
    segments = [[0, 1.1, "hit metal"], [1.1, 2.4, "hit cloth"]]
    options = GenerateOptions.of(segments=segments, num_steps=2, seed=5)
    whole = play_envelope(envelope, options).wav
    part = cut(envelope, 0.0, 1.11)
    alone = play_envelope(part, GenerateOptions.of(prompt="hit metal", num_steps=2, seed=5)).wav
    inside = round(1.08 * 44100)
    assert whole.shape[1] == round(2.4 * 44100)
    assert np.corrcoef(whole[0, :inside], alone[0, :inside])[0, 1] > 0.999  # but for the level
    with pytest.raises(ValueError, match="preview engine takes no prompt"):
        GenerateOptions.of(segments=segments, engine="preview")
