"""Writes index.xml, by which ReaPack finds the scripts, from the header of the package.

    python integrations/reaper/make_index.py https://example.org/folai/reaper

ADDRESS is where this folder is published. The index that lies here is for the computer itself:
`python -m http.server --directory integrations/reaper`, then import http://127.0.0.1:8000/index.xml.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

FOLDER = Path(__file__).parent
CATEGORY = "Video"
PACKAGE = "folai_Send selected video item to the studio.lua"
LOCAL = "http://127.0.0.1:8000"


def index(address: str) -> str:
    """The index as text, for scripts that are published at `address`."""
    header = (FOLDER / CATEGORY / PACKAGE).read_text(encoding="utf-8").split("]]")[0]
    sources = [
        f"        <source{attributes}>{escape(_link(address, name))}</source>\n"
        for attributes, name in _sources(header)
    ]
    version, author = quoteattr(_tag(header, "version")), quoteattr(_tag(header, "author"))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<index version="1" name="folai">\n'
        f"  <category name={quoteattr(CATEGORY)}>\n"
        f'    <reapack name={quoteattr(PACKAGE)} type="script"'
        f" desc={quoteattr(_tag(header, 'description'))}>\n"
        f"      <version name={version} author={author}>\n"
        f"{''.join(sources)}"
        "      </version>\n    </reapack>\n  </category>\n</index>\n"
    )


def _tag(header: str, name: str) -> str:
    found = re.search(rf"^@{name} (.+)$", header, re.MULTILINE)
    if found is None:
        raise ValueError(f"{PACKAGE}: its header has no @{name}")
    return found[1]


def _sources(header: str) -> list[tuple[str, str]]:
    """(attributes, file) of what the package provides; "." is the package's own file."""
    provided = re.findall(r"^  \[(main|nomain)\] (.+)$", header, re.MULTILINE)
    return [
        (("" if name == "." else f" file={quoteattr(name)}")
         + (' main="main"' if kind == "main" else ""), PACKAGE if name == "." else name)
        for kind, name in provided
    ]  # fmt: skip


def _link(address: str, name: str) -> str:
    return f"{address.rstrip('/')}/{CATEGORY}/{quote(name)}"


if __name__ == "__main__":
    target = FOLDER / "index.xml"
    target.write_text(index(sys.argv[1] if len(sys.argv) > 1 else LOCAL), encoding="utf-8")
    print(target)
