"""Additions to the sound model that a project has: `media/additions/*.safetensors`.

Named by their content, so that one that is opened twice, or copied to another clip, is one file.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from folai.checkpoints import sha256_of
from folai.diffusion.addition import check_addition
from folai.studio.failures import Missing
from folai.studio.project import Project
from folai.studio.shapes import MOST_ADDITIONS
from folai.studio.studio import Studio


def add_addition(studio: Studio, project: Project, upload: Path, name: str) -> dict[str, Any]:
    """Moves an uploaded file into the project. Raises ValueError for one that is no addition."""
    try:
        check_addition(upload)
    except ValueError as error:
        raise ValueError(str(error).replace(str(upload), name)) from error
    entry = {"id": sha256_of(upload)[:16], "name": name}
    path = _file_of(project, entry["id"])
    path.parent.mkdir(exist_ok=True)
    upload.replace(path)
    _enter(studio, project, entry)
    return entry


def addition_path(project: Project, name: str) -> Path:
    """The file of an addition. Raises ValueError where it is gone."""
    try:
        entry = project.find("additions", name)
    except Missing:
        raise ValueError(
            "the addition of this sound is not in this project: open its file again, or choose none"
        ) from None
    path = _file_of(project, name)
    if not path.is_file():
        raise ValueError(
            f"the addition {entry['name']} is gone from the project's folder: open it again, "
            "or choose none"
        )
    return path


def copy_addition(studio: Studio, source: Project, target: Project, name: str) -> None:
    """An addition of another project in this one. Raises ValueError as `addition_path`."""
    path = _file_of(target, name)
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(addition_path(source, name), path)
    _enter(studio, target, source.find("additions", name))


def _file_of(project: Project, name: str) -> Path:
    return project.media / "additions" / f"{name}.safetensors"


def _enter(studio: Studio, project: Project, entry: dict[str, Any]) -> None:
    with project.change() as document:
        if any(one["id"] == entry["id"] for one in document["additions"]):
            return
        if len(document["additions"]) >= MOST_ADDITIONS:
            raise ValueError(f"{MOST_ADDITIONS} additions are the most of a project")
        document["additions"].append(entry)
    studio.tell(project, "references")
