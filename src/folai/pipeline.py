"""The whole flow: a silent clip in; its envelope, its soundtrack and the finished clip out.

video -> frames -> flow -> features -> RMS-Mapper -> envelope -> sound -> mux
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.engines import (
    Sampling,
    check_engine,
    choose_engine,
    play_diffusion,
    play_preview,
    wanted_prompt,
)
from folai.envelope import FRAME_RATE, Envelope
from folai.mapper.features import MAX_FPS, Pictures, iter_pictures
from folai.mapper.flow import FLOW_SIZE
from folai.media.audio import fit_length, peak_normalise, read_audio, to_mono
from folai.media.clip import Frame, iter_frames, probe
from folai.media.files import open_media
from folai.media.mux import check_output, mux
from folai.preview.events import cut_events
from folai.writing import check_writable

Progress = Callable[[float], None]  # is told what share of the clip has been seen, 0 to 1


@dataclass(frozen=True, eq=False)
class GenerateOptions:
    """How a clip gets its sound. Raises ValueError for what cannot be meant."""

    reference: str | Path | NDArray[Any] | None = None  # a file, or [T] or [C, T] at sample_rate
    prompt: str | None = None  # in words of `folai.diffusion.vocabulary`, alone or beside a sound
    negative_prompt: str | None = None  # what the sound must not be like
    sound: str | None = None  # a built-in material, where there is neither
    engine: str | None = None  # "diffusion" or "preview"; None: see `folai.engines.choose_engine`
    envelope: Envelope | str | Path | None = None  # an edited one, instead of predicting it
    resample: bool = False  # fit that envelope to the clip if its rate or length differ
    seed: int = 0  # of the variation between one hit and the next
    variations: int = 1  # takes; each has the next seed
    num_steps: int | None = None  # these six are of the engine "diffusion"; None: the model's own
    cfg_scale: float | None = None
    control_scale: float = Sampling.control_scale
    envelope_lock: float = Sampling.envelope_lock
    likeness: float = Sampling.likeness
    init_strength: float | None = None  # how far the preview's sound is re-imagined, 0 to 1
    mix_db: float | None = None  # level at which the clip's own sound is kept; None: replaced
    codec: str | None = None  # of the sound; None: what the container is usually given
    sample_rate: int = 44100  # Hz
    weights: str | Path | None = None  # of the mapper; None: those that ship with folai
    foley_weights: str | Path | None = None  # of the sound model, its control beside them; same
    model: str | Path | None = None  # Stable Audio Open by name or folder; None: the small model
    control: str | Path | None = None  # its ControlNet; without one see `folai.stable.play`
    lora: str | Path | None = None  # for it, merged
    clap: str | Path | None = None  # a folder of CLAP; None: by its name
    dtype: str | None = None  # of its weights; None: bfloat16 on a GPU, else float32
    offline: bool = False  # never ask the network for it

    def __post_init__(self) -> None:
        check_engine(self.engine, self.sound, vars(self))
        self.sampling  # noqa: B018  # raises for what is out of range
        self._check_full_size()
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; give 0 or more")
        if not 1 <= self.variations <= 100:
            raise ValueError(f"variations is {self.variations}; give 1 to 100")
        if self.mix_db is not None and not math.isfinite(self.mix_db):
            raise ValueError(f"mix_db is {self.mix_db}; give decibels, such as -12")
        if not 8000 <= self.sample_rate <= 192_000:
            raise ValueError(f"sample_rate is {self.sample_rate} Hz; give 8000 to 192000")

    @property
    def sampling(self) -> Sampling:
        """What concerns the engine "diffusion" alone."""
        given = {name: getattr(self, name) for name in Sampling.__dataclass_fields__}
        if self.full_size:  # its prompts may have any words
            given |= {"prompt": None, "negative_prompt": None}
        return Sampling(**{name: value for name, value in given.items() if value is not None})

    @property
    def full_size(self) -> bool:
        """Whether Stable Audio Open is asked for."""
        return self.model is not None and str(self.model) != "small"

    def _check_full_size(self) -> None:
        if self.full_size and (self.engine == "preview" or self.foley_weights is not None):
            other = "engine preview" if self.engine == "preview" else "foley_weights"
            raise ValueError(f"both model {self.model} and {other} are given; give one of them")
        for name in ("control", "lora", "clap", "dtype"):
            if getattr(self, name) is not None and not self.full_size:
                raise ValueError(f"{name} is of a model at full size; say which with model")


@dataclass(frozen=True, eq=False)
class FoleyResult:
    """The soundtrack alone, what it follows, and the finished clips if written.

    takes: [C, T] each, as many as there are variations.
    """

    takes: tuple[NDArray[np.float32], ...]
    sample_rate: int  # Hz
    envelope: Envelope
    paths: tuple[Path, ...]  # a file a take, or none
    engine: str  # that made it
    notes: tuple[str, ...] = ()  # what was done to the reference first

    @property
    def wav(self) -> NDArray[np.float32]:
        """The first take, [C, T]."""
        return self.takes[0]

    @property
    def path(self) -> Path | None:
        """The first take's file."""
        return self.paths[0] if self.paths else None

    @property
    def duration(self) -> float:
        """Seconds: as long as the clip."""
        return float(self.wav.shape[1] / self.sample_rate)


def generate(
    video: str | Path,
    out: str | Path | None = None,
    options: GenerateOptions = GenerateOptions(),
    *,
    progress: Progress | None = None,
) -> FoleyResult:
    """Give a clip its sound, and write the finished clip to `out` (see `folai.media.mux.OUTPUTS`).

    More than one take go to `out`, `out.take2`... before the suffix. Raises ValueError, before any
    work, for a clip, reference, envelope or output that will not do.
    """
    info = probe(video)
    paths = () if out is None else take_paths(out, options.variations)
    used = ("reference", "envelope", "weights", "foley_weights", "control", "lora")
    given = [getattr(options, name) for name in used]
    for path in paths:
        check_output(path, source=video, codec=options.codec)
        check_writable(path, inputs=_files(*given))
    if options.mix_db is not None and not info.has_audio:
        warnings.warn(f"{video}: has no sound of its own to mix with", stacklevel=2)
    reference = read_reference(options)
    envelope = _read_envelope(options, info.duration)
    play, engine = _player(options, reference, info.duration)
    if envelope is None:
        envelope = predict_envelope(video, weights=options.weights, progress=progress)
    num_samples = round(info.duration * options.sample_rate)
    takes = tuple(fit_length(take, num_samples) for take in play(envelope))
    for path, take in zip(paths, takes, strict=False):
        mux(video, take, options.sample_rate, path, mix_db=options.mix_db, codec=options.codec)
    notes = reference_notes(options, engine)
    return FoleyResult(takes, options.sample_rate, envelope, paths, engine, notes)


def play_envelope(
    envelope: Envelope,
    options: GenerateOptions = GenerateOptions(),
    *,
    progress: Progress | None = None,
) -> FoleyResult:
    """The sound alone along an envelope, as long as that is: no clip is needed.

    progress: is told what share of the sampling is done; what it raises stops the work within a
    step. Raises ValueError for a reference or prompt that will not do.
    """
    reference = read_reference(options)
    play, engine = _player(options, reference, envelope.duration, progress)
    num_samples = round(envelope.duration * options.sample_rate)
    takes = tuple(fit_length(take, num_samples) for take in play(envelope))
    notes = reference_notes(options, engine)
    return FoleyResult(takes, options.sample_rate, envelope, (), engine, notes)


def take_paths(out: str | Path, variations: int) -> tuple[Path, ...]:
    """`out` itself, then with `.take2`, `.take3`... before its suffix."""
    first = Path(out)
    others = (first.with_suffix(f".take{n}{first.suffix}") for n in range(2, variations + 1))
    return (first, *others)


def _player(
    options: GenerateOptions,
    reference: NDArray[np.float32] | None,
    duration: float,
    progress: Progress | None = None,
) -> tuple[Callable[[Envelope], list[NDArray[np.float32]]], str]:
    """(what makes takes [C, T] from an envelope, its name); PyTorch is loaded where it is needed.

    Weights are read here, so that bad ones are refused before the work.
    """
    if options.full_size:
        return _full_size_player(options, reference, duration), str(options.model)
    weights = None if options.foley_weights is None else Path(options.foley_weights)
    engine = choose_engine(
        options.engine,
        sound=options.sound,
        prompt=options.prompt or options.negative_prompt,
    )
    shared: dict[str, Any] = {
        "reference": reference,
        "sound": options.sound,
        "sample_rate": options.sample_rate,
        "seed": options.seed,
        "variations": options.variations,
    }
    if engine == "preview":
        return lambda envelope: play_preview(envelope, **shared), engine
    from folai.diffusion.foley import load_foley

    foley = load_foley() if weights is None else load_foley(weights)
    return (
        lambda envelope: play_diffusion(
            foley, envelope, options.sampling, duration=duration, progress=progress, **shared
        ),
        engine,
    )


def _full_size_player(
    options: GenerateOptions, reference: NDArray[np.float32] | None, duration: float
) -> Callable[[Envelope], list[NDArray[np.float32]]]:
    from folai.stable.model import load_stable
    from folai.stable.play import StableSampling, play_stable

    prompt = wanted_prompt(options.prompt, options.reference, options.sound)
    stable = load_stable(
        options.model or "",
        control=None if options.control is None else Path(options.control),
        lora=None if options.lora is None else Path(options.lora),
        clap=options.clap or "clap",
        text=prompt is not None or options.negative_prompt is not None,
        reference=reference is not None,
        dtype=options.dtype,
        offline=options.offline,
    )
    asked = {name: getattr(options, name) for name in StableSampling.__dataclass_fields__}
    sampling = StableSampling(**{**asked, "prompt": prompt})
    return lambda envelope: play_stable(
        stable,
        envelope,
        sampling,
        duration=duration,
        reference=reference,
        sound=options.sound,
        sample_rate=options.sample_rate,
        seed=options.seed,
        variations=options.variations,
    )


def predict_envelope(
    video: str | Path, *, weights: str | Path | None = None, progress: Progress | None = None
) -> Envelope:
    """Watch a clip: the envelope of the sound it asks for, as long as the clip, with its onsets.

    Any length in bounded memory. Raises ValueError for a clip or weights that cannot be read.
    """
    duration = probe(video).duration
    with ThreadPoolExecutor(max_workers=1) as thread:
        # PyTorch takes about as long to load as a short clip takes to decode.
        loading = thread.submit(_load_mapper, weights)
        frames = iter_frames(video, height=FLOW_SIZE[1], max_fps=MAX_FPS)
        blocks = iter_pictures(_reporting(frames, duration, progress))
        first = next(blocks)
        run = loading.result()
        envelope = run(chain([first], blocks))
    return _held(envelope).resample(FRAME_RATE, duration)


def measure_envelope(video: str | Path) -> Envelope:
    """The envelope of the sound that a clip already has, at the level the mapper predicts: peak 1.

    Raises ValueError for a clip without sound.
    """
    return measure_sound(video).resample(FRAME_RATE, probe(video).duration)


def measure_sound(path: str | Path) -> Envelope:
    """The same of any file with sound, as long as that is. Raises ValueError as `read_audio`."""
    wav, sample_rate = read_audio(path)
    return Envelope.from_audio(peak_normalise(to_mono(wav)), sample_rate)


def _files(*given: object) -> tuple[str | Path, ...]:
    """Those of the options that name a file."""
    return tuple(option for option in given if isinstance(option, str | Path))


def _load_mapper(weights: str | Path | None) -> Callable[[Iterable[Pictures]], Envelope]:
    """Load PyTorch and the models: a function from blocks of pictures to their envelope."""
    from folai import checkpoints
    from folai.mapper import predict

    models = checkpoints.load_mapper(weights)
    return lambda blocks: predict.predict_envelope(blocks, models)


def _held(envelope: Envelope, seconds: float = 0.1) -> Envelope:
    """Continued a little at its last value: the last picture stays, though no step follows it."""
    values = np.pad(envelope.values, (0, round(seconds * envelope.frame_rate)), mode="edge")
    return Envelope(values, envelope.frame_rate, envelope.onsets)


def _reporting(
    frames: Iterable[Frame], duration: float, progress: Progress | None
) -> Iterator[Frame]:
    for frame in frames:
        if progress is not None:
            progress(min(1.0, frame.time / duration))
        yield frame
    if progress is not None:
        progress(1.0)


def read_reference(options: GenerateOptions) -> NDArray[np.float32] | None:
    """The reference as [C, T] with one or two channels, known to hold something to play."""
    given, rate = options.reference, options.sample_rate
    if given is None:
        return None
    if isinstance(given, str | Path):
        name, wav = f"{given}: ", read_audio(given, sample_rate=rate)[0]
    else:
        name, wav = "", np.atleast_2d(given)
    try:
        cut_events(wav, rate)
    except ValueError as error:
        raise ValueError(f"{name}{error}") from error
    return to_mono(wav) if wav.shape[0] > 2 else wav.astype(np.float32)


def reference_notes(options: GenerateOptions, engine: str) -> tuple[str, ...]:
    """What had to be done to a reference file before it could be used."""
    given = options.reference
    if not isinstance(given, str | Path):
        return ()
    with open_media(given) as container:
        stream = container.streams.best("audio")
        rate, channels = getattr(stream, "rate", None), getattr(stream, "channels", 1)
    notes = []
    if rate != options.sample_rate:
        notes.append(f"{given}: resampled from {rate} to {options.sample_rate} Hz")
    if channels > (1 if engine == "diffusion" else 2):
        notes.append(f"{given}: {channels} channels made one")
    return tuple(notes)


def _read_envelope(options: GenerateOptions, duration: float) -> Envelope | None:
    """The envelope to use instead of a prediction, as long as the clip."""
    given = options.envelope
    if given is None:
        return None
    if isinstance(given, str | Path):
        rate, length = (None, None) if options.resample else (FRAME_RATE, duration)
        given = Envelope.load(given, frame_rate=rate, duration=length)
    elif not options.resample:
        given.require_match(None, duration)
    return given.resample(FRAME_RATE, duration) if options.resample else given
