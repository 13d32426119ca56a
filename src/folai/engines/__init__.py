"""Engines: what turns an envelope and a request into takes.

Each other file of this folder is one engine and knows nothing of the others. It holds

    Options   a frozen dataclass of the options that are this engine's own
    TITLE     what --help calls it
    WORK      how long a second of a take takes, where predicting a second of envelope takes 1
    FILLS     whether it can fill gaps in a sound that is kept
    check     refuses, before any work, a description that the engine cannot follow
    needs     what decides which models it needs
    load      reads the models it needs
    play      yields the takes, one after another

One file more is one engine more: the commands, their options and their checks follow from it.
Importing an engine costs nothing; PyTorch is imported by `load`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from folai.diffusion.together import Together
from folai.envelope import Envelope
from folai.preview.materials import MATERIALS
from folai.preview.pool import Pool
from folai.progress import Progress
from folai.stable3.options import is_stable3

Wav = NDArray[np.float32]  # [C, T]


class EngineOptions(Protocol):
    """What every options dataclass of an engine has beside its fields."""

    engine: ClassVar[str]  # the engine's name, that of its file

    @property
    def label(self) -> str:
        """What a report calls the engine with these options."""
        ...


class Description(Protocol):
    """What a sound should be like. `reference` counts as given unless it is None."""

    @property
    def reference(self) -> Any: ...
    @property
    def prompt(self) -> str | None: ...
    @property
    def negative_prompt(self) -> str | None: ...
    @property
    def sound(self) -> str | None: ...


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked of an engine, whichever it is."""

    duration: float  # seconds
    reference: Wav | None = None  # [C, T] at `sample_rate`, one or two channels
    prompt: str | None = None
    negative_prompt: str | None = None
    sound: str | None = None  # a built-in sound
    sample_rate: int = 44100  # Hz, of the takes
    seed: int = 0
    variations: int = 1  # number of takes; take i is that of seed + i alone
    pool: Pool | None = None  # what the reference was made from, where it is many recordings
    tails: str = "natural"  # how a hit that is alone dies away, one of `folai.takes.options.TAILS`
    together: Together | None = None  # other clips, to be denoised in the same batch
    # Of an engine that fills gaps: sound [C, T] at `sample_rate`, at the envelope's level, which is
    # kept but for these gaps, (start, stop) in seconds.
    kept: Wav | None = None
    gaps: tuple[tuple[float, float], ...] = ()


class Engine(Protocol):
    """An engine's file."""

    Options: type[Any]
    TITLE: str
    WORK: float
    FILLS: bool

    def check(self, options: Any, description: Description) -> None:
        """Raise ValueError for a description that the engine cannot follow."""

    def needs(self, options: Any, request: Request) -> Hashable:
        """Equal for two requests that the same models serve: they are then loaded once."""

    def load(self, options: Any, request: Request) -> Any:
        """The models, for `play`. Raises ValueError where they are missing or do not fit."""

    def play(
        self,
        models: Any,
        options: Any,
        envelope: Envelope,
        request: Request,
        progress: Progress | None = None,
    ) -> Iterator[Wav]:
        """The takes [C, T] at the request's rate, one after another.

        progress: is told what share of all takes is done; what it raises stops the work.
        """
        ...


def engine_names() -> tuple[str, ...]:
    """The names of all engines, sorted."""
    return _names_in(tuple(__path__))


@cache
def _names_in(folders: tuple[str, ...]) -> tuple[str, ...]:
    # Listing folders took most of the time in which ten thousand options were checked.
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folders)))


def get_engine(name: str) -> Engine:
    """An engine by its name. Raises ValueError for a name that none has."""
    if name not in engine_names():
        raise ValueError(f"engine is {name!r}; use one of {', '.join(engine_names())}")
    return cast(Engine, import_module(f"{__name__}.{name}"))


def choose_engine(name: str | None, *, sound: str | None, prompt: str | None) -> str:
    """The engine to use: as named; else the trained model, or the preview for a sound alone."""
    if name is not None:
        return name
    return "preview" if sound is not None and prompt is None else "diffusion"


def split_options(name: str | None, values: dict[str, Any]) -> tuple[EngineOptions, dict[str, Any]]:
    """(the engine's options, the values that are none of them), from flat values.

    Where no engine is named, `model` (a full-size model), `sound` and `prompt` choose it. Raises
    ValueError for a value that another engine would take.
    """
    values = {key: value for key, value in values.items() if value is not None}
    if values.get("model") == "small":
        del values["model"]
    if name is None and "model" in values:
        name = "stable_audio_3" if is_stable3(values["model"]) else "stable_audio_open"
    prompt = values.get("prompt") or values.get("negative_prompt") or values.get("segments")
    name = choose_engine(name, sound=values.get("sound"), prompt=prompt)
    kind = get_engine(name).Options
    own = {field.name for field in fields(kind)}
    for other in engine_names():
        for field in fields(get_engine(other).Options):
            if field.name in values and field.name not in own:
                raise ValueError(f"the {name} engine takes no {field.name}; use the engine {other}")
    options = kind(**{key: value for key, value in values.items() if key in own})
    return options, {key: value for key, value in values.items() if key not in own}


def check_description(description: Description) -> None:
    """Raise ValueError for a description that no engine can follow."""
    sound = description.sound
    if sound is None:
        return
    if sound not in MATERIALS:
        raise ValueError(f"sound is {sound!r}; use one of {', '.join(MATERIALS)}")
    for name in ("prompt", "reference"):
        if getattr(description, name) is not None:
            raise ValueError(f"both sound {sound!r} and a {name} are given; give one of them")
