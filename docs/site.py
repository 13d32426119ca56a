"""Gathers the pages of the documentation site: docs/, the README, the model cards, and a reference.

    python docs/site.py build/pages && zensical build --strict

The files stay where a reader of the checkout looks for them, with links that work there. Here they
are copied into one folder, and the links lead from page to page.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "folai"

# Files outside docs/, and what their pages are called.
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "src/folai/weights/MODEL_CARD.md": "mapper_card.md",
    "src/folai/weights/MODEL_CARD_FOLEY.md": "sound_card.md",
    "src/folai/weights/CREDITS.md": "credits.md",
    "src/folai/studio/API.md": "studio_api.md",
}

LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?!\w+:|#)(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pages = site_pages()
    for source, page in pages.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if page.endswith(".md"):
            text = (ROOT / source).read_text(encoding="utf-8")
            target.write_text(site_links(text, source, pages), encoding="utf-8")
        else:
            shutil.copy2(ROOT / source, target)
    (folder / "reference").mkdir()
    for room in rooms():
        (folder / "reference" / f"{room}.md").write_text(room_page(room), encoding="utf-8")
    with (folder / "reference.md").open("a", encoding="utf-8") as reference:
        reference.writelines(f"- [folai.{room}](reference/{room}.md)\n" for room in rooms())


def site_pages() -> dict[str, str]:
    """From files of the checkout to files of the site."""
    folder = ROOT / "docs"
    paths = [path for path in folder.rglob("*") if path.suffix in {".md", ".png", ".jpg", ".svg"}]
    inside = {str(path.relative_to(ROOT)): str(path.relative_to(folder)) for path in paths}
    return inside | OUTSIDE


def site_links(markdown: str, source: str, pages: dict[str, str]) -> str:
    """Relative links of a file of the checkout, led to the pages of the site.

    A link to a file that is no page, such as a script, becomes its text. One that leads nowhere
    stays as it is, for the strict build to find.
    """

    def page_link(link: re.Match[str]) -> str:
        target = normpath(join(dirname(source), link["target"]))
        if target in pages:
            path = relpath(pages[target], dirname(pages[source]) or ".")
            return f"{link['text']}({path}{link['anchor'] or ''})"
        return link["text"].strip("![]") if (ROOT / target).exists() else link[0]

    return LINK.sub(page_link, markdown)


def rooms() -> list[str]:
    """The package's folders and the modules beside them, as they are imported."""
    packages = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    modules = [path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")]
    return sorted([*packages, *modules])


def room_page(room: str) -> str:
    """A page with all modules of a room: their docstrings are put there by mkdocstrings."""
    folder = PACKAGE / room
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]
    return "\n\n".join([f"# folai.{room}", *(f"::: {module_name(path)}" for path in paths), ""])


def module_name(path: Path) -> str:
    """src/folai/media/__init__.py -> folai.media"""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
