"""Which takes of a project are heard, and their mix: see "The edit state" in API.md."""

from __future__ import annotations

from typing import Any

from folai.studio.mix.channel import Channel, Channelled
from folai.studio.project import Project
from folai.studio.project_sounds import Mix, Resampled, Sound, SoundFile


def mix_of(project: Project, document: dict[str, Any], layer: str | None = None) -> Mix:
    """The mix of all takes that are heard, or of one layer's."""
    heard = [
        (name, SoundFile(project.media / "takes" / f"{take['id']}.wav"), gain)
        for name, take, gain in heard_takes(document)
        if layer is None or name == layer
    ]
    rate = max({sound.sample_rate for _, sound, _ in heard} or {44100})
    channels = {entry["id"]: entry.get("channel") for entry in document["edit"]["layers"]}
    parts: list[tuple[Sound, float]] = [
        (Channelled(Resampled(sound, rate), Channel.of(channels[name])), gain)
        for name, sound, gain in heard
    ]
    return Mix.of(parts, document["clip"]["duration"], rate)


def layer_alone(project: Project, document: dict[str, Any], layer: str) -> Mix:
    """A layer's sound at its own level, muted or not."""
    alone = {**document, "edit": {**document["edit"]}}
    alone["edit"]["layers"] = [
        {**entry, "mute": False, "solo": False}
        for entry in document["edit"]["layers"]
        if entry["id"] == layer
    ]
    alone["edit"]["mix"] = {
        take: {**strip, "mute": False} for take, strip in document["edit"]["mix"].items()
    }
    return mix_of(project, alone)


def heard_takes(document: dict[str, Any]) -> list[tuple[str, dict[str, Any], float]]:
    """(layer id, take, gain) of each take that is heard."""
    layers = document["edit"]["layers"]
    any_solo = any(layer["solo"] for layer in layers)
    heard = []
    for layer in layers:
        if layer["mute"] or (any_solo and not layer["solo"]):
            continue
        chosen = chosen_take(document, layer)
        if chosen is None:
            continue
        strip = document["edit"]["mix"].get(chosen["id"], {})
        if not strip.get("mute", False):
            decibels = layer["gain_db"] + strip.get("gain_db", 0)
            heard.append((layer["id"], chosen, 10 ** (decibels / 20)))
    return heard


def chosen_take(document: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any] | None:
    """A layer's take: the one on solo, else the chosen one, else the latest."""
    mix = document["edit"]["mix"]
    takes = [
        take
        for take in document["takes"]
        if take["layer"] == layer["id"] and not mix.get(take["id"], {}).get("deleted", False)
    ]
    solo = [take for take in takes if mix.get(take["id"], {}).get("solo", False)]
    chosen = [take for take in takes if take["id"] == layer["take"]]
    candidates: list[dict[str, Any]] = solo or chosen or takes[-1:]
    return candidates[0] if candidates else None
