"""Imports point one way: every import, inside functions too, goes to a layer below or beside."""

import ast
import sys
from pathlib import Path

import pytest

import folai

ROOT = Path(folai.__file__).parent

# From the bottom up. A room may import from its own layer's rooms above it in this list and from
# every layer before it; rooms in one line know nothing of each other.
LAYERS = [
    ["writing"],
    ["progress", "options", "tables", "reporting"],
    ["media", "envelope", "models"],
    ["metrics", "words"],
    ["preview", "mapper"],
    ["takes"],
    ["checkpoints"],
    ["diffusion"],
    ["stable", "library", "suggest"],
    ["stable3"],
    ["engines"],
    ["pipeline", "render"],
    ["scenes"],
    ["data"],
    ["train", "evaluate"],
    ["demo", "studio", "jobs"],
    ["cli"],
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

# Envelopes of sound files are measured: the reader is imported when a sound is named.
ALLOWED = {("envelope", "media")}


def modules():
    paths = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


def imports():
    """(importing module, imported module) of the package, wherever the import stands.

    What is imported for type checkers alone binds nothing at run time, and is left out.
    """
    known = modules()
    for name, path in known.items():
        for node in ast.walk(without_type_checking(ast.parse(path.read_text()))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    target = inner if inner in known else node.module
                    if target in known and target != name:
                        yield name, target
            elif isinstance(node, ast.Import):
                yield from ((name, a.name) for a in node.names if a.name in known)


def without_type_checking(tree):
    class Drop(ast.NodeTransformer):
        def visit_If(self, node):
            is_guard = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            return None if is_guard else self.generic_visit(node)

    return Drop().visit(tree)


def room(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


def test_every_room_has_its_layer():
    rooms = {room(name) for name in modules()} - {None, "__main__", "weights"}
    assert rooms == set(LEVEL)


def test_imports_point_down():
    wrong = {
        (a, b)
        for a, b in imports()
        if room(a) in LEVEL
        and room(b) in LEVEL
        and room(a) != room(b)
        and LEVEL[room(b)] >= LEVEL[room(a)]
        and (room(a), room(b)) not in ALLOWED
    }
    assert sorted(wrong) == []


def test_there_are_no_circles():
    """At import time and inside functions (Tarjan's strongly connected components)."""
    graph = {name: set() for name in modules()}
    for a, b in imports():
        graph[a].add(b)
    assert [sorted(part) for part in strongly_connected(graph) if len(part) > 1] == []


def strongly_connected(graph):
    sys.setrecursionlimit(10_000)
    index, low, stack, on_stack, parts = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on_stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = set()
            while node not in part:
                part.add(stack.pop())
            on_stack.difference_update(part)
            parts.append(part)

    for node in graph:
        if node not in index:
            visit(node)
    return parts


@pytest.mark.parametrize("package", ["cv2", "av"])
def test_networks_know_no_media(package):
    for name, path in modules().items():
        if room(name) == "models":
            tree = ast.parse(path.read_text())
            names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
            names += [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
            assert package not in {str(found).split(".")[0] for found in names}, name


def test_the_root_holds_few_modules():
    inside = [path.name for path in ROOT.glob("*.py") if not path.name.startswith("__")]
    assert len(inside) <= 8


def test_an_option_is_described_once():
    """`likeness` stands for all: its dataclass, what obeys it, the page, and no more."""
    suffixes = {".py", ".js", ".html"}
    texts = {p: p.read_text() for p in ROOT.rglob("*") if p.suffix in suffixes}
    named = sorted(str(p.relative_to(ROOT)) for p, text in texts.items() if "likeness" in text)
    assert len(named) <= 5, named
