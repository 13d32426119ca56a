"""What the documentation says holds: its links lead somewhere, its code runs, its map is whole."""

import argparse
import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from documents import DOCUMENTS, ROOT, blocks, commands, execute
from folai.cli import make_parser
from folai.preview.materials import MATERIALS


def read(name: str) -> str:
    """A file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
PARSED = [
    (name, shlex.join(arguments))
    for name in NAMES
    for _, code in blocks(read(name), "sh", "bash")
    for arguments in commands(code)
]
WITHOUT_CODE = {"weights"}  # rooms that hold no Python
LINK = re.compile(r"\[[^\]]*\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown sites write them."""
    lines = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", lines, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    path = ROOT / name
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in headings(file), f"{name} links to {target}#{anchor}"


@pytest.mark.parametrize(("name", "line"), PARSED)
def test_commands_are_spelt_right(name, line):
    assert make_parser().parse_args(shlex.split(line)), name


@pytest.mark.parametrize("name", [name for name in NAMES if name != "README.md"])
def test_code_runs(name, clip, hit, tmp_path, monkeypatch):
    """In one folder from top to bottom, as a reader would. The README: see `test_readme.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "hit.wav").write_bytes(hit.read_bytes())
    execute(ROOT / name)
    for _, code in blocks(read(name), "py"):
        compile(code, name, "exec")


def test_evaluation_files_are_read(tmp_path):
    """The TOML blocks: files of `folai evaluate run`."""
    from folai.evaluate.run_file import read_run

    found = [code for name in NAMES for _, code in blocks(read(name), "toml")]
    assert found
    for code in found:
        (tmp_path / "run.toml").write_text(code, encoding="utf-8")
        assert read_run(tmp_path / "run.toml").systems


def test_files_that_are_named_exist():
    """`src/...`, `docs/...`, `tests/...`, `benchmarks/...` and `folai.module` in backticks."""
    for name in NAMES:
        text = read(name)
        for path in re.findall(r"`((?:src|docs|tests|benchmarks|examples)/[\w/.]+)`", text):
            assert (ROOT / path).exists(), f"{name} names {path}"
        for module in re.findall(r"`(folai(?:\.[a-z_]+)+)`", text):
            assert exists(module), f"{name} names {module}"


def exists(dotted: str) -> bool:
    """Whether it is a module, or a name at the top of one."""
    path = ROOT / "src" / dotted.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    source = path.parent.with_suffix(".py")
    source = source if source.is_file() else path.parent / "__init__.py"
    return path.name in re.findall(r"\w+", source.read_text(encoding="utf-8"))


def test_flags_that_are_named_exist():
    """`--flag` in backticks is an option of a command, or of pip and hf beside it."""
    known = flags(make_parser()) | {"--no-deps", "--strict"}
    for name in NAMES:
        named = set(re.findall(r"`(--[a-z][\w-]*)[^`]*`", read(name)))
        assert named <= known, name


def flags(parser: argparse.ArgumentParser) -> set[str]:
    """All options of a parser and of the commands under it."""
    found = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*(flags(command) for command in action.choices.values()))
    return found


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for name in NAMES:
        text = read(name)
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
        assert named <= targets, name


def test_the_file_map_names_every_module_and_no_other():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    mapped = re.findall(r"^- `([\w/]+\.py)`: \S", page[page.index("## File map") :], re.MULTILINE)
    package = ROOT / "src" / "folai"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    there = {name for name in modules if not name.endswith("/__init__.py")}
    assert sorted(mapped) == sorted(there), "run python docs/file_map.py"


def test_the_table_of_rooms_names_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "src" / "folai").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `([a-z0-9]+)/` \|", page, re.MULTILINE)) == rooms | WITHOUT_CODE


def test_indexes_show_no_link_that_needs_the_checkout():
    """The package's description, which setup.py makes from the README."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "setup.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = script.description((ROOT / "README.md").read_text(encoding="utf-8"))
    assert LINK.findall(text) == []
    assert "The studio" in text or "studio" in text
    assert script.description("[a](b.md), [c](https://d), ![e](f.png)") == (
        "a, [c](https://d), ![e](f.png)"
    )
    assert script.description("![e](f.png)\n\ntext") == "text"


def test_every_built_in_sound_is_named():
    assert [name for name in MATERIALS if f"`{name}`" not in read("docs/sound.md")] == []
    assert f"{len(MATERIALS)} built-in sounds" in read("README.md")


def test_every_public_name_is_in_the_reference():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    tree = ast.parse((ROOT / "src" / "folai" / "__init__.py").read_text(encoding="utf-8"))
    names = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    shown = {name.rsplit(".", 1)[1] for name in re.findall(r"^::: (\S+)$", page, re.MULTILINE)}
    assert set(names) - {"__version__"} == shown


def test_the_version_is_the_same_everywhere():
    from folai import __version__

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\d\S+)", changes, re.MULTILINE)[1] == __version__
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
