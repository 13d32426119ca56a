"""A report in a folder: report.html for people, report.json for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from folai.evaluate.report.page import write_page
from folai.evaluate.report.sections import Section
from folai.reporting import jsonable
from folai.writing import check_writable, make_folder, written_whole

PAGE, FACTS = "report.html", "report.json"


def check_folder(folder: Path) -> None:
    """Raise ValueError, before any work, unless a report can be written to `folder`."""
    make_folder(folder)
    for name in (PAGE, FACTS):
        check_writable(folder / name)


def write_report(
    folder: Path,
    title: str,
    about: str,
    sections: Sequence[Section],
    listening: dict[str, Any] | None = None,
) -> None:
    facts = {section.key: section.facts for section in sections if section.facts}
    with written_whole(folder / FACTS) as partial:
        text = json.dumps(jsonable({"title": title, "about": about, **facts}), indent=1)
        partial.write_text(text + "\n", encoding="utf-8")
    write_page(folder / PAGE, title, about, sections, listening)
