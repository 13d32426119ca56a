"""The studio's page as files: no build step holds them together, so this does."""

import re
from pathlib import Path

import folai

STATIC = Path(folai.__file__).parent / "studio" / "static"
MODULES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))


def test_all_modules_are_fetched_at_once():
    """Found one by one, each through the one before it, they would take several times as long."""
    page = (STATIC / "index.html").read_text()
    preloaded = re.findall(r'rel="modulepreload" href="/static/([^"]+)"', page)
    assert sorted([*preloaded, "main.js"]) == MODULES


def test_modules_import_what_is_there():
    for name in MODULES:
        text = (STATIC / name).read_text()
        for asked, imported in re.findall(r"import \{([^}]*)\} from \"([^\"]+)\"", text):
            path = (STATIC / name).parent / imported
            assert path.is_file(), f"{name} imports {imported}"
            exports = r"export (?:async )?(?:function|class|const) (\w+)"
            names = set(re.findall(r"\w+", asked))
            missing = names - set(re.findall(exports, path.read_text()))
            assert not missing, f"{name} imports {missing} from {imported}"


def test_the_page_loads_nothing_from_elsewhere():
    """Nor does it hold inline styles or scripts, which its policy refuses."""
    for path in STATIC.rglob("*.*"):
        text = path.read_text()
        found = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not found, path
    assert not re.search(r"\sstyle=|<script>|\son\w+=", (STATIC / "index.html").read_text())
