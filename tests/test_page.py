"""The studio's page as files: no build step holds them together, so this does."""

import re
from pathlib import Path

import folai
from folai.studio.page_files import version_of
from studio_clients import opened

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


def test_a_version_of_the_page_is_fetched_once(tmp_path):
    """Modules are kept under a path that changes with them; the page itself is not."""
    with opened(tmp_path) as (client, _):
        page = client.get("/")
        assert page.headers["cache-control"] == "no-cache"
        paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        assert len(paths) > len(MODULES)
        for path in (*paths[:3], paths[-1]):
            kept = client.get(path)
            assert kept.status_code == 200 and "immutable" in kept.headers["cache-control"], path
        version = paths[0].split("/")[2]
        assert {path.split("/")[2] for path in paths} == {version}
        assert "immutable" not in client.get(f"/static/{version}/none.js").headers["cache-control"]
        assert "immutable" not in client.get("/static/main.js").headers["cache-control"]
    (folder := tmp_path / "files").mkdir()
    (folder / "a.js").write_text("1")
    before = version_of(folder)
    (folder / "a.js").write_text("2")
    assert version_of(folder) != before
