"""As much of ComfyUI as folai's nodes meet: its published schema of nodes, in few lines.

Nodes are described by `io.Schema` and checked as ComfyUI checks them when it loads them. Where a
checkout of ComfyUI is named by FOLAI_COMFYUI, the tests use that instead.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


class Input:
    def __init__(self, io_type, id, display_name=None, optional=False, tooltip=None, **options):
        self.io_type, self.id, self.optional = io_type, id, optional
        self.options = options


class Output:
    def __init__(self, io_type, id=None, display_name=None, tooltip=None, is_output_list=False):
        self.io_type, self.id, self.display_name = io_type, id, display_name or id


def a_type(io_type: str) -> Any:
    return SimpleNamespace(
        Input=lambda *values, **named: Input(io_type, *values, **named),
        Output=lambda *values, **named: Output(io_type, *values, **named),
    )


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Any] = field(default_factory=list)
    description: str = ""
    is_output_node: bool = False

    def validate(self) -> None:
        names = [entry.id for entry in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):  # ComfyUI asked for that until the end of 2025
            raise ValueError(f"ids are not unique: {names}")


class NodeOutput:
    def __init__(self, *values: Any, ui: Any = None) -> None:
        self.result, self.ui = values, ui


class ComfyNode:
    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        schema = cls.define_schema()
        schema.validate()
        return schema

    @classmethod
    def EXECUTE_NORMALIZED(cls, **values: Any) -> NodeOutput:
        return cls.execute(**values)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:
        groups: dict[str, dict[str, Any]] = {"required": {}}
        for entry in cls.GET_SCHEMA().inputs:
            group = groups.setdefault("optional" if entry.optional else "required", {})
            kind = "COMBO" if "options" in entry.options else entry.io_type
            group[entry.id] = (kind, entry.options)
        return groups


class VideoFromFile:
    def __init__(self, file: Any) -> None:
        self.file = file

    def get_stream_source(self) -> Any:
        return self.file

    def get_components(self) -> Any:
        raise AssertionError("all frames would be held in memory")


class ProgressBar:
    """Tells `hook`, as ComfyUI does; what that raises stops the node."""

    hook: Any = None

    def __init__(self, total: int) -> None:
        self.total = total

    def update_absolute(self, value: int) -> None:
        if ProgressBar.hook is not None:
            ProgressBar.hook(value, self.total, None)


def modules(folder: Path) -> dict[str, ModuleType]:
    """Modules by the names that the nodes import; `folder` holds what ComfyUI reads and writes."""

    def module(name: str, **names: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(names)
        return made

    types = ("VIDEO", "AUDIO", "STRING", "INT", "FLOAT", "BOOLEAN", "COMBO")
    io = module(
        "io",
        Schema=Schema,
        ComfyNode=ComfyNode,
        NodeOutput=NodeOutput,
        Custom=a_type,
        FolderType=SimpleNamespace(output="output"),
        **{name.capitalize(): a_type(name) for name in types},
    )
    ui = module("ui", SavedResult=_saved, PreviewVideo=_shown)
    latest = module(
        "comfy_api.latest",
        io=io,
        ui=ui,
        ComfyExtension=type("ComfyExtension", (), {}),
        InputImpl=SimpleNamespace(VideoFromFile=VideoFromFile),
    )
    paths = module(
        "folder_paths",
        get_output_directory=lambda: str(folder / "output"),
        get_temp_directory=lambda: str(folder / "temp"),
        get_save_image_path=_save_path,
    )
    utils = module("comfy.utils", ProgressBar=ProgressBar)
    found = [latest, utils, paths, module("comfy_api"), module("comfy")]
    return {entry.__name__: entry for entry in found}


def _saved(filename: str, subfolder: str, kind: str) -> dict[str, str]:
    return {"filename": filename, "subfolder": subfolder, "type": kind}


def _shown(values: list[dict[str, str]]) -> Any:
    return SimpleNamespace(as_dict=lambda: {"images": values, "animated": (True,)})


def _save_path(prefix: str, folder: str) -> tuple[str, str, int, str, str]:
    full = Path(folder) / Path(prefix).parent
    full.mkdir(parents=True, exist_ok=True)
    name = Path(prefix).name
    counter = 1 + len(list(full.glob(f"{name}_*")))
    return str(full), name, counter, str(Path(prefix).parent), prefix


def forget() -> None:
    """Take what was imported under ComfyUI's names out of the way of other tests."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("comfy_api", "comfy", "folder_paths"):
            del sys.modules[name]
