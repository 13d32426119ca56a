"""What the README shows is run: bash blocks by the command line, Python blocks as they are."""

import re
import shlex
from pathlib import Path

import pytest

from folai.cli import main, make_parser
from folai.preview.materials import MATERIALS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_block_runs_in_order(clip, hit, tmp_path, monkeypatch):
    """In one folder from top to bottom, as a reader would: later blocks use earlier files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "hit.wav").write_bytes(hit.read_bytes())
    found = re.findall(r"^```(bash|python)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 5
    for language, code in found:
        if language == "python":
            exec(compile(code, "README.md", "exec"), {})
            continue
        for line in code.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "folai"
            assert main(arguments) == 0, line
    assert {"out.mp4", "metal.mp4", "env.png", "edited.csv", "takes.take2.wav"} <= {
        p.name for p in tmp_path.iterdir()
    }


@pytest.mark.parametrize(
    "line",
    [line for code in blocks("sh") for line in code.splitlines() if line.startswith("folai")],
)
def test_commands_that_take_long_are_spelt_right(line):
    assert make_parser().parse_args(shlex.split(line)[1:])


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)", README)) - {"set"}
    assert {"demo", "test"} <= targets
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_file_map_names_every_module():
    package = ROOT / "src" / "folai"
    modules = [path for path in package.rglob("*.py") if "render" not in path.parts]
    expected = {path.name for path in modules if path.parent == package or path.stem != "__init__"}
    file_map = README[README.index("## File map") :]
    assert {name for name in expected if name not in file_map} == set()


def test_every_material_is_named():
    assert [name for name in MATERIALS if f"`{name}`" not in README] == []
