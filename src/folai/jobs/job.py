"""A job: one clip, what it shall sound like, and where the finished clip goes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from folai.media.containers import OUTPUTS, suffix_for
from folai.pipeline import GenerateOptions, take_paths

OWN_FOLDER = ".folai"  # in the output folder: records, and files that are being written


@dataclass(frozen=True)
class Job:
    """A row of the list. It is small, and JSON can hold it: it travels to whoever does it."""

    number: int  # from 1, as the list counts
    video: str  # a path, or a place such as s3://bucket/clip.mp4
    out: str  # name of the first take inside the output folder, with "/"
    values: dict[str, Any] = field(default_factory=dict)  # of `GenerateOptions.of`
    error: str | None = None  # what is wrong with the row: it is not done

    def options(self) -> GenerateOptions:
        """Raises ValueError for values that do not go together."""
        return GenerateOptions.of(**self.values)

    def outputs(self) -> list[str]:
        """Names inside the output folder: every take, then the envelope."""
        takes = take_paths(self.out, int(self.values.get("variations") or 1))
        return [*(path.as_posix() for path in takes), self.envelope()]

    def envelope(self) -> str:
        """After the whole name: clip.mov and clip.mp4 have one each."""
        return f"{self.out}.envelope.json"

    @property
    def is_full_size(self) -> bool:
        """Whether it needs a model at full size, which may be on a GPU."""
        engine, model = self.values.get("engine"), self.values.get("model")
        return str(engine).startswith("stable_audio_") or model not in (None, "small")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_name(name: str) -> str:
    """A name of an output as it is used. Raises ValueError for one outside the output folder."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "://" in name or not path.name:
        raise ValueError(f"out is {name!r}; give a name inside the output folder")
    if path.parts[0] == OWN_FOLDER:
        raise ValueError(f"out is {name!r}; {OWN_FOLDER} is where records are kept, give another")
    if path.suffix.lower() not in OUTPUTS:
        raise ValueError(f"out is {name!r}; end it with one of {', '.join(OUTPUTS)}")
    return path.as_posix()


def usual_name(name: str) -> str:
    """The name of the finished clip of a video: its own, in a container that can be written."""
    path, suffix = PurePosixPath(name), suffix_for(name)
    return name if path.suffix.lower() == suffix else str(path.with_suffix(suffix))
