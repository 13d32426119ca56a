"""Which generated file belongs to which true one: those of one name, whatever the suffix."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from folai.data.listing import VIDEO_SUFFIXES

SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff")


@dataclass(frozen=True)
class Pair:
    name: str  # path inside the folders, without suffix
    truth: Path
    generated: Path

    @property
    def files(self) -> tuple[Path, Path]:
        """The generated file, then the true one."""
        return self.generated, self.truth


@dataclass(frozen=True)
class Pairing:
    """The files of a system, paired with the true ones."""

    system: str
    pairs: tuple[Pair, ...]
    missing: tuple[str, ...]  # true ones that nothing was generated for
    extra: tuple[str, ...]  # generated ones without a truth


def pair_folders(
    truth: Path, generated: Path, system: str, only: Collection[str] | None = None
) -> Pairing:
    """Pairs in the order of their names; `only` those names of the truth where they are given.

    Raises ValueError where a folder is missing or has two files of one name, or if none pair up.
    """
    true, others = list_media(truth), list_media(generated)
    if only is not None:
        true = {name: path for name, path in true.items() if name in only}
    shared = sorted(true.keys() & others.keys())
    if not shared:
        example = f"{min(others)!r} against {min(true, default=None)!r}"
        raise ValueError(f"{generated}: no file has the name of one in {truth}; it has {example}")
    return Pairing(
        system=system,
        pairs=tuple(Pair(name, true[name], others[name]) for name in shared),
        missing=tuple(sorted(true.keys() - others.keys())),
        extra=tuple(sorted(others.keys() - true.keys())),
    )


def list_media(folder: Path) -> dict[str, Path]:
    """Sound and video files by name. Raises ValueError as `pair_folders`."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give one that holds sound or video files")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() not in SOUNDS + VIDEO_SUFFIXES or hidden or not path.is_file():
            continue
        name = inside.with_suffix("").as_posix()
        if name in found:
            raise ValueError(f"{folder}: both {found[name].name} and {path.name}; keep one of them")
        found[name] = path
    if not found:
        kinds = ", ".join(SOUNDS + VIDEO_SUFFIXES)
        raise ValueError(f"{folder}: no sound or video files; expected {kinds}")
    return found


def system_names(folders: Sequence[Path]) -> list[str]:
    """A short name for each folder: its last part, with its parents' where two would be alike."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise ValueError(f"the same folder is given twice: {', '.join(map(str, folders))}")
