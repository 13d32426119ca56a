"""The scripts in examples/ run, on tiny inputs."""

import runpy
import sys

import pytest

from documents import ROOT
from folai import Envelope, GenerateOptions, generate
from folai.media.audio import read_audio

EXAMPLES = ROOT / "examples"


def run(monkeypatch, name: str, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_batch_folder(clip, hit, tmp_path, monkeypatch, capsys):
    source, target = tmp_path / "clips", tmp_path / "finished"
    source.mkdir()
    (source / "a.mp4").write_bytes(clip.read_bytes())
    (source / "broken.mp4").write_bytes(b"no video")
    (source / "notes.txt").write_text("not a clip")
    run(monkeypatch, "batch_folder.py", source, target, "--reference", hit)
    assert {path.name for path in target.iterdir()} == {"a.mp4", "a.json"}
    assert "skipped" in capsys.readouterr().out
    finished = (target / "a.mp4").read_bytes()
    run(monkeypatch, "batch_folder.py", source, target, "--reference", hit)
    assert (target / "a.mp4").read_bytes() == finished


def test_edit_envelope(clip, tmp_path, monkeypatch, capsys):
    run(monkeypatch, "edit_envelope.py", clip, tmp_path / "out.mp4")
    assert "edited" in capsys.readouterr().out
    assert Envelope.load(tmp_path / "out.json").duration == pytest.approx(2.5, abs=0.02)
    wav, _ = read_audio(tmp_path / "out.mp4")
    assert abs(wav).max() > 0.01


def test_train_own_clips(clip, tmp_path, capsys):
    """The functions of the script, with a training of two steps."""
    from folai.checkpoints import MAPPER
    from folai.train.mapper import TrainOptions

    (tmp_path / "clips").mkdir()
    heard = tmp_path / "clips" / "heard.mp4"
    generate(clip, heard, GenerateOptions(sound="wood"))
    options = TrainOptions(
        data=tmp_path / "clips",
        out=tmp_path / "run",
        init=MAPPER,
        rendered_minutes=0,
        guises=0,
        steps=2,
        batch_size=2,
        window=24,
        realign_at=(0.5,),
    )
    script = runpy.run_path(str(EXAMPLES / "train_own_clips.py"))
    weights = script["specialise"](options.data, heard, options)
    assert weights.is_file()
    assert "before" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_it_is_named_and_short(path):
    assert path.name in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 70
    assert f"python examples/{path.name}" in path.read_text(encoding="utf-8")
