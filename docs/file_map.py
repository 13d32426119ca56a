"""Writes the file map of docs/architecture.md anew, from the first sentence of each module.

    python docs/file_map.py

Each file is described once, where it is written. A test says when the map is out of date.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "folai"
PAGE = ROOT / "docs" / "architecture.md"
HEADING = "## File map\n"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text[: text.index(HEADING)] + file_map(), encoding="utf-8")


def file_map() -> str:
    """The section: a heading for each folder, a line for each file."""
    lines = [
        HEADING,
        "From the first sentence of each file; `python docs/file_map.py` writes it anew.",
    ]
    folders = [PACKAGE, *sorted(path.parent for path in PACKAGE.rglob("*/__init__.py"))]
    for folder in folders:
        name = folder.relative_to(PACKAGE.parent).as_posix()
        lines += ["", f"### {name}", ""]
        lines += [f"- `{map_name(path)}`: {first_sentence(path)}" for path in files_of(folder)]
    return "\n".join(lines) + "\n"


def files_of(folder: Path) -> list[Path]:
    """The modules of a folder; a room's `__init__.py` is left out, for its heading."""
    paths = sorted(folder.glob("*.py"))
    return [path for path in paths if folder == PACKAGE or path.name != "__init__.py"]


def map_name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", paragraph)[0] or "`python -m folai`."


if __name__ == "__main__":
    main()
