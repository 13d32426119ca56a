"""The README: short, true, and what it shows is run. See `documents.py` for which blocks are."""

from documents import ROOT, execute

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_every_block_runs_in_order(clip, hit, tmp_path, monkeypatch):
    """In one folder from top to bottom, as a reader would: later blocks use earlier files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "hit.wav").write_bytes(hit.read_bytes())
    assert execute(README) == 3
    files = {path.name for path in tmp_path.iterdir()}
    assert {"out.mp4", "steps.mp4", "metal.mp4", "envelope.png", "edited.csv"} <= files


def test_it_is_short():
    assert len(TEXT.splitlines()) <= 170
