"""Several clips at once: how far each is, all of their layers generated, a sound for many."""

from __future__ import annotations

import shutil
from typing import Any

from folai.studio.additions import copy_addition
from folai.studio.generation import generate
from folai.studio.jobs import Job
from folai.studio.project import Project, new_id
from folai.studio.studio import Studio


def spot(studio: Studio, summary: dict[str, Any]) -> dict[str, Any]:
    """A summary of a project with its state: what is done of it, and what is being done."""
    empty = {"predicted": False, "layers": 0, "takes": 0, "jobs": []}
    if summary["error"] is not None:
        return {**summary, **empty}
    project = studio.store.get(summary["id"])
    document = project.document
    mix = document["edit"]["mix"]
    takes = [one for one in document["takes"] if not mix.get(one["id"], {}).get("deleted")]
    jobs = [job for job in studio.jobs.of_project(project.id) if not job.is_over]
    return {
        **summary,
        "predicted": document["prediction"] is not None,
        "layers": len(document["edit"]["layers"]),
        "takes": len(takes),
        "jobs": [job.as_json() for job in jobs],
    }


def generate_all(studio: Studio, names: list[str]) -> list[Job]:
    """A job for each layer of each project, with the layer's own settings.

    Layers that cannot be generated, such as those that wait for their prediction, are left out.
    """
    jobs = []
    for name in names:
        project = studio.open(name)
        for layer in project["edit"]["layers"]:
            try:
                jobs.append(generate(studio, project, {"layer": layer["id"]}))
            except ValueError:
                continue
    return jobs


def spread_sound(studio: Studio, source: Project, layer: str, names: list[str]) -> int:
    """Copies a layer's sound to the layer of the same name, else the first, of other projects.

    Its reference and its addition are copied with it. Returns how many layers got it.
    """
    chosen = source.find("layers", layer)
    done = 0
    for name in names:
        project = studio.open(name)
        if project.id == source.id:
            continue
        sound = dict(chosen["sound"])
        if sound.get("reference"):
            sound["reference"] = _copied(studio, source, project, sound["reference"])
        if sound.get("lora"):
            copy_addition(studio, source, project, sound["lora"])
        with project.change() as document:
            layers = document["edit"]["layers"]
            same = [one for one in layers if one["name"] == chosen["name"]]
            (same or layers)[0]["sound"] = sound
            document["revision"] += 1
        studio.tell(project, "edit")
        done += 1
    return done


def _copied(studio: Studio, source: Project, target: Project, name: str) -> str:
    """A reference of another project in this one: the copy that is there, or a new one."""
    entry = source.find("references", name)
    for other in target["references"]:
        if other.get("copied_from") == name:
            return str(other["id"])
    made = new_id()
    path = target.media / "references" / f"{made}.wav"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(studio.reference_path(source, name), path)
    with target.change() as document:
        document["references"].append({**entry, "id": made, "copied_from": name})
    studio.tell(target, "references")
    return made
