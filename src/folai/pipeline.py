"""The whole flow: a silent clip in; its envelope, its soundtrack and the finished clip out.

video -> frames -> flow -> features -> RMS-Mapper -> envelope -> sound -> mux
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from folai.diffusion.naming import sound_of_prompt
from folai.diffusion.together import Together
from folai.engines import (
    Engine,
    EngineOptions,
    Request,
    check_description,
    choose_engine,
    get_engine,
    split_options,
)
from folai.envelope import FRAME_RATE, Envelope
from folai.envelope.circle import quiet_place, seam_length, turned
from folai.envelope.segments import FADE, Segment, cut, joined, parts_of, read_segments, widened
from folai.envelope.spans import Span, read_spans, within
from folai.envelope.unsure import describe_doubt
from folai.library.pool import pool_from_files, pool_from_words
from folai.mapper.expect import check_expectation
from folai.mapper.features import MAX_FPS, Pictures, iter_pictures
from folai.mapper.flow import FLOW_SIZE
from folai.media.ahead import prefetched
from folai.media.audio import fit_length, peak_normalise, read_audio, resample
from folai.media.channels import to_mono, to_stereo, usual_names
from folai.media.clip import Clip, opened
from folai.media.containers import check_codec
from folai.media.frames import Frame
from folai.media.mux import check_output, mux_takes
from folai.media.rumble import without_rumble
from folai.options import check_number
from folai.preview.events import check_reference
from folai.preview.pool import Cue, Pool
from folai.progress import Progress, Stages, part_of
from folai.suggest.guess import Suggestion, suggest
from folai.suggest.seeing import can_see
from folai.takes.finish import finished
from folai.takes.loop import closed
from folai.takes.noise import Noise, without_noise
from folai.takes.options import FinishOptions
from folai.takes.renewing import Piece, around, laid_into, level_cut, pieces_of
from folai.writing import check_writable

if TYPE_CHECKING:
    from folai.mapper.confidence import Calibration
    from folai.mapper.glimpses import Watcher
    from folai.mapper.predict import Mapper

PICTURES_AHEAD = 8  # that are decoded and wait to be looked at
LONGEST_REFERENCE = 600.0  # seconds that are read of a reference file: bounds memory and time
OTHER_CLIP = 0.2  # seconds by which a take's length may differ from its clip's


# A folder, and a sequence of files and folders, are pools: events of many recordings.
Reference = str | Path | NDArray[Any] | Sequence[str | Path]


@dataclass(frozen=True, eq=False)
class GenerateOptions:
    """How a clip gets its sound. Raises ValueError for an invalid combination.

        GenerateOptions(reference="hit.wav")
        GenerateOptions(prompt="footsteps on gravel", engine=DiffusionOptions(cfg_scale=3.0))
        GenerateOptions.of(prompt="footsteps on gravel", cfg_scale=3.0)      # the same

    engine: a name of `folai.engines`, or the options of one; None: the trained model, but for a
    built-in sound alone the preview.
    """

    reference: Reference | None = None  # a file, [T] or [C, T] at sample_rate, or a pool of files
    prompt: str | None = None  # alone, or beside a reference
    negative_prompt: str | None = None  # what the sound must not be like
    sound: str | None = None  # a built-in material, where there is neither
    library: str | None = None  # words: what they find in one's library is the reference
    library_file: str | Path | None = None  # that library; None: the default one
    engine: str | EngineOptions | None = None
    envelope: Envelope | str | Path | None = None  # an edited one, instead of predicting it
    resample: bool = False  # fit that envelope to the clip if its rate or length differ
    seed: int = 0  # of the variation between one hit and the next
    variations: int = 1  # takes; each has the next seed
    mix_db: float | None = None  # level at which the clip's own sound is kept; None: replaced
    codec: str | None = None  # of the sound; None: what the container is usually given
    sample_rate: int = 44100  # Hz
    weights: str | Path | None = None  # of the mapper; None: those that ship with folai
    expect: str | None = None  # what is to be heard: "steps", "hits" or "continuous"
    finish: FinishOptions = FinishOptions()  # room, tails and pan, the same for every engine
    segments: tuple[Segment, ...] = ()  # parts with a prompt of their own, as `read_segments` takes
    take: str | Path | NDArray[Any] | None = None  # an earlier take, [C, T] at sample_rate
    regenerate: tuple[Span, ...] = ()  # parts of that take to make anew, as `read_spans` takes

    @classmethod
    def of(cls, **values: Any) -> GenerateOptions:
        """From flat values, those of engine and finish among them; None stands for "not given".

        As a command line or a row of a table has them. Raises ValueError for a name that no option
        has, and for an option of another engine than the one that is used.
        """
        engine = values.pop("engine", None)
        if not isinstance(engine, str | None):
            return cls(engine=engine, **values)
        options, others = split_options(engine, values)
        finishing = {field.name for field in fields(FinishOptions)} & others.keys()
        if finishing:
            others["finish"] = FinishOptions(**{name: others.pop(name) for name in finishing})
        known = [field.name for field in (*fields(cls), *fields(FinishOptions))]
        if unknown := sorted(others.keys() - set(known)):
            raise ValueError(f"there is no option {unknown[0]}; use one of {', '.join(known)}")
        return cls(engine=options, **others)

    def __post_init__(self) -> None:
        check_description(self)
        self._check_library()
        get_engine(self.engine_options.engine).check(self.engine_options, self)
        check_number("seed", self.seed, int, 0)
        check_number("variations", self.variations, int, 1, 100)
        check_number("sample_rate", self.sample_rate, int, 8000, 192_000, unit=" Hz")
        if self.mix_db is not None and not math.isfinite(self.mix_db):
            raise ValueError(f"mix_db is {self.mix_db}; give decibels, such as -12")
        check_codec(self.codec)
        if self.envelope is None and self.resample:
            raise ValueError("resample fits an envelope to the clip, and none is given; give one")
        if self.envelope is not None and self.weights is not None:
            raise ValueError("weights predict an envelope, and one is given; leave one of them out")
        if self.finish.room > 0 and self.reference is None and self.library is None:
            room = f"room is {self.finish.room:g}"
            raise ValueError(f"{room}, and it is that of a reference; give one, or leave it 0")
        object.__setattr__(self, "segments", read_segments(self.segments))
        for segment in self.segments:
            self.of_part(segment)
        object.__setattr__(self, "regenerate", read_spans(self.regenerate))
        self._check_renewal()
        check_expectation(self.expect)
        if self.envelope is not None and self.expect is not None:
            raise ValueError("expect is for a prediction, and an envelope is given; leave one out")

    def _check_library(self) -> None:
        if self.library is None and self.library_file is not None:
            raise ValueError("library_file is searched by library, and no words are given")
        for name in ("reference", "sound"):
            if self.library is not None and getattr(self, name) is not None:
                raise ValueError(f"both library and {name} are given; give one of them")

    def _check_renewal(self) -> None:
        if (self.take is None) != (not self.regenerate):
            missing = "the take is" if self.take is None else "the parts are"
            raise ValueError(f"regenerate makes parts of a take anew, and {missing} not given")
        for name, present in (("segments", self.segments), ("loop", self.finish.loop)):
            if present and self.regenerate:
                raise ValueError(f"regenerate makes parts of a take anew; leave {name} out")

    @property
    def engine_options(self) -> EngineOptions:
        """The options of the engine that is used."""
        if self.engine is not None and not isinstance(self.engine, str):
            return self.engine
        prompt = self.prompt or self.negative_prompt
        if self.segments:
            prompt = prompt or self.segments[0].prompt
        name = choose_engine(self.engine, sound=self.sound, prompt=prompt)
        options: EngineOptions = get_engine(name).Options()
        return options

    def of_part(self, part: Segment) -> GenerateOptions:
        """The options of a part of the clip: its prompt stands in place of the prompt or sound."""
        own: dict[str, Any] = {"segments": (), "engine": self.engine_options}
        own |= {"take": None, "regenerate": ()}
        if part.prompt is not None:
            own |= {"prompt": part.prompt, "sound": None}
        return replace(self, **own)


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
    cues: tuple[Cue, ...] = ()  # of a pool: which recording is heard when
    suggestions: tuple[Suggestion, ...] = ()  # from the picture; the first was used

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
    video: str | Path | Clip,
    out: str | Path | None = None,
    options: GenerateOptions = GenerateOptions(),
    *,
    progress: Progress | None = None,
    models: Models | None = None,
) -> FoleyResult:
    """Give a clip its sound, and write the finished clip to `out`.

    Suffixes are those of `folai.media.containers.OUTPUTS`; more than one take go to `out`,
    `out.take2`... before the suffix. progress: is told the share of the whole that is done, 0 to
    1; what it raises stops the work. models: keeps what is loaded for the next clip. Raises
    ValueError, before any work, for a clip, reference, envelope or output that is unusable.
    """
    models = models or Models()
    with opened(video) as clip:
        paths = _check_paths(clip, out, options)
        envelope = _read_envelope(options, clip.info.duration)
        player = _Player(options, clip.info.duration, models)
        placing = options.finish.pan == "auto" and (envelope is None or envelope.pan is None)
        stages = Stages(
            progress,
            predict=float(envelope is None or placing),
            play=player.work,
            write=0.05 * len(paths),
        )
        if envelope is None or placing:
            seen = _predict(clip, options, placing, stages.of("predict"), models)
            envelope = seen if envelope is None else envelope.placed_as(seen)
        player.look_at(clip, envelope)
        takes = player.play(envelope, stages.of("play"))
        writing, rate = stages.of("write"), options.sample_rate
        mux_takes(
            clip, takes[: len(paths)], rate, paths,
            mix_db=options.mix_db, codec=options.codec, progress=writing,
        )  # fmt: skip
        writing(1.0)
        return player.result(takes, envelope, paths)


def play_envelope(
    envelope: Envelope,
    options: GenerateOptions = GenerateOptions(),
    *,
    progress: Progress | None = None,
    models: Models | None = None,
) -> FoleyResult:
    """The sound alone along an envelope, as long as that is: no clip is needed.

    progress: is told what share is done, 0 to 1; what it raises stops the work within a step.
    models: keeps what is loaded for the next envelope. Raises ValueError for a reference or prompt
    that is unusable.
    """
    player = _Player(options, envelope.duration, models or Models())
    takes = player.play(envelope, Stages(progress, play=1.0).of("play"))
    return player.result(takes, envelope)


def iter_takes(
    envelope: Envelope,
    options: GenerateOptions = GenerateOptions(),
    *,
    progress: Progress | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The takes of `play_envelope`, [C, T] each, one after another as they are made."""
    player = _Player(options, envelope.duration, Models())
    yield from player.takes(envelope, Stages(progress, play=1.0).of("play"))


class Models:
    """Models that stay loaded from one clip to the next: a mapper, and those of each engine.

    Of each the last alone, so that memory does not grow with what is asked for.
    """

    def __init__(self, threads: int | None = None) -> None:
        """threads: that decode a clip; None: one for each core."""
        self.threads = threads
        self.together: Together | None = None  # clips that are denoised in one batch
        self._loaded: dict[str, tuple[Hashable, Any]] = {}

    def shared(self, together: Together) -> Models:
        """The same models, for one of several clips that are denoised in one batch."""
        models = Models(self.threads)
        models.together, models._loaded = together, self._loaded
        return models

    def mapper(self, weights: str | Path | None) -> Any:
        """(models, calibration) of these weights."""
        from folai import checkpoints

        def load() -> Any:
            return checkpoints.load_light_mapper(weights), checkpoints.load_calibration(weights)

        return self._get("mapper", str(weights), load)

    def of_engine(self, engine: Engine, options: EngineOptions, request: Request) -> Any:
        """What `engine.load` returns."""
        needs = engine.needs(options, request)
        return self._get(options.engine, needs, lambda: engine.load(options, request))

    def _get(self, place: str, needs: Hashable, load: Callable[[], Any]) -> Any:
        if place not in self._loaded or self._loaded[place][0] != needs:
            self._loaded.pop(place, None)  # first, so that there is room for the others
            self._loaded[place] = needs, load()
        return self._loaded[place][1]


class _Player:
    """What plays along an envelope: one voice, or one for each part of the clip.

    References and weights are read here, so that unusable ones are refused before the work.
    """

    def __init__(self, options: GenerateOptions, duration: float, models: Models) -> None:
        self.options, self.duration = options, duration
        self.seam = 0.0  # seconds that are played beyond one turn of a loop
        if options.finish.loop:
            self.seam = FADE if options.segments else seam_length(duration)
        self.length = duration + self.seam
        self.old = read_take(options, duration)
        self.pieces: list[Piece] = []
        spans, parts = [(0.0, self.length)], [options]
        if options.segments:
            segments = parts_of(options.segments, duration)
            spans = [widened(segment, duration) for segment in segments]
            if self.seam:  # parts of a circle: it begins half a fade before the clip
                spans = [(segment.start, segment.end + FADE) for segment in segments]
            parts = [options.of_part(segment) for segment in segments]
        if options.regenerate:
            fills = get_engine(options.engine_options.engine).FILLS
            regions = within(options.regenerate, duration)
            self.pieces = pieces_of(regions, duration, fills=fills)
            spans = [(piece.start, piece.end) for piece in self.pieces]
            parts = [options.of_part(Segment(0.0, math.inf, None))] * len(spans)
        self.spans = spans
        self.voices = [
            _Voice(part, end - start, models)
            for part, (start, end) in zip(parts, spans, strict=True)
        ]
        for voice, piece in zip(self.voices, self.pieces, strict=False):
            if voice.engine.FILLS:
                voice.keep(self.old, piece)
        self.suggestions: tuple[Suggestion, ...] = ()

    def look_at(self, clip: Clip, envelope: Envelope) -> None:
        """Where nothing says what it should sound like, takes what the picture suggests.

        Only with the extra `suggest`; without it the engine has its own default.
        """
        if self.options.segments or not self.voices[0].is_free or not can_see():
            return
        self.suggestions = tuple(suggest(clip, envelope.onsets.tolist()))
        for voice in self.voices:
            voice.take_prompt(self.suggestions[0].prompt)

    @property
    def work(self) -> float:
        """How long all takes last, where predicting the envelope lasts 1."""
        return self.voices[0].engine.WORK * self.options.variations

    def takes(self, envelope: Envelope, progress: Progress) -> Iterator[NDArray[np.float32]]:
        options, noise = self.options, self.voices[0].noise
        rate, seed, finish = int(options.sample_rate), int(options.seed), options.finish
        if finish.pan == "auto" and envelope.pan is None:
            raise ValueError(
                "pan is auto, and the envelope does not say where it moves; predict it with pan"
            )
        self._warn_of_hits(envelope)
        if self.pieces:
            yield from self._renewed(envelope, progress)
            return
        start = self._seam_at(envelope)
        if self.seam:
            envelope = turned(envelope, start, self.length, self.duration)
        heard = envelope.leveled()
        for number, take in enumerate(self._played(envelope, progress)):
            take = finished(take, rate, heard, finish, noise=noise, seed=seed + number)
            yield closed(take, rate, round(self.duration * rate), start) if self.seam else take
        progress(1.0)

    def _seam_at(self, envelope: Envelope) -> float:
        """Where a loop begins, in seconds of the clip: between the parts, or where it is quiet."""
        if not self.seam or self.options.segments:
            return -self.seam / 2
        return quiet_place(envelope, self.seam, self.duration)

    def _renewed(self, envelope: Envelope, progress: Progress) -> Iterator[NDArray[np.float32]]:
        """The old take with its parts made anew, which are finished each by itself."""
        options, count = self.options, len(self.voices)
        rate, noise, old = int(options.sample_rate), self.voices[0].noise, self.old
        assert old is not None
        played = [
            voice.takes(level_cut(envelope, *span), part_of(progress, index, count))
            for index, (voice, span) in enumerate(zip(self.voices, self.spans, strict=True))
        ]
        for number, wavs in enumerate(zip(*played, strict=True)):
            take = old
            for wav, piece in zip(wavs, self.pieces, strict=True):
                for span in piece.spans:
                    start, end = around(span, self.duration)
                    new = wav[:, round((start - piece.start) * rate) :]
                    new = new[:, : round((end - start) * rate)]
                    heard = level_cut(envelope, start, end).leveled()
                    seed = int(options.seed) + number
                    new = finished(new, rate, heard, options.finish, noise=noise, seed=seed)
                    take = laid_into(take, new, start, span, rate)
            yield take
        progress(1.0)

    def _warn_of_hits(self, envelope: Envelope) -> None:
        """Only the preview engine lays hits one by one; models hear how loud they are."""
        unheard = [hit for hit in envelope.hits if not replace(hit, level_db=0.0).is_plain]
        engine = self.options.engine_options.engine
        if unheard and engine != "preview":
            warnings.warn(
                f"the sound, pitch or foot of {len(unheard)} hits is not heard with the engine "
                f"{engine}, only their level; use the engine preview for that",
                stacklevel=2,
            )

    def _played(self, envelope: Envelope, progress: Progress) -> Iterator[NDArray[np.float32]]:
        """The takes as the engine made them, those of all parts joined."""
        if not self.options.segments:
            yield from self.voices[0].takes(envelope, progress)
            return
        rate, count = int(self.options.sample_rate), len(self.voices)
        parts = [
            voice.takes(cut(envelope, *span), part_of(progress, index, count))
            for index, (voice, span) in enumerate(zip(self.voices, self.spans, strict=True))
        ]
        starts = [start for start, _ in self.spans]
        for wavs in zip(*parts, strict=True):
            yield joined(wavs, starts, round(self.length * rate), rate)

    def play(self, envelope: Envelope, progress: Progress) -> tuple[NDArray[np.float32], ...]:
        return tuple(self.takes(envelope, progress))

    def result(
        self,
        takes: tuple[NDArray[np.float32], ...],
        envelope: Envelope,
        paths: tuple[Path, ...] = (),
    ) -> FoleyResult:
        rate, label = int(self.options.sample_rate), self.options.engine_options.label
        notes = dict.fromkeys(note for voice in self.voices for note in voice.notes)
        return FoleyResult(
            takes,
            rate,
            envelope,
            paths,
            label,
            notes=tuple(notes),
            cues=self._cues(envelope),
            suggestions=self.suggestions,
        )

    def _cues(self, envelope: Envelope) -> tuple[Cue, ...]:
        """Of all voices, on the clip's clock; of a loop those of one turn."""
        first = 0.0
        if self.seam:
            first = self._seam_at(envelope)
            envelope = turned(envelope, first, self.length, self.duration)
        cues = []
        for voice, span in zip(self.voices, self.spans, strict=True):
            is_part = bool(self.options.segments or self.pieces)
            for cue in voice.cues(cut(envelope, *span) if is_part else envelope):
                if cue.time is None:
                    cues.append(cue)
                elif span[0] + cue.time < self.duration and self._is_wanted(span[0] + cue.time):
                    time = first + span[0] + cue.time
                    cues.append(replace(cue, time=time % self.duration if self.seam else time))
        return tuple(cues)

    def _is_wanted(self, time: float) -> bool:
        """Whether what begins then is heard: of a take with parts made anew, these alone are."""
        spans = [span for piece in self.pieces for span in piece.spans]
        return not spans or any(start <= time < end for start, end in spans)


class _Voice:
    """An engine with its models and what is asked of it."""

    def __init__(self, options: GenerateOptions, duration: float, models: Models) -> None:
        self.own = options.engine_options
        self.engine = get_engine(self.own.engine)
        self.pool = read_pool(options)
        if self.pool is None:
            reference, self.notes = read_reference(options)
        else:
            reference, self.notes = self.pool.reference(), ()
        self.noise: Noise | None = None
        if reference is not None:
            reference, self.noise = without_noise(reference, int(options.sample_rate))
        self.request = Request(
            duration=duration,
            reference=reference,
            prompt=options.prompt,
            negative_prompt=options.negative_prompt,
            sound=options.sound,
            sample_rate=int(options.sample_rate),
            seed=int(options.seed),
            variations=int(options.variations),
            pool=self.pool,
            tails=options.finish.tails,
            together=models.together,
        )
        self.models = models.of_engine(self.engine, self.own, self.request)

    def keep(self, wav: NDArray[np.float32] | None, piece: Piece) -> None:
        """Of the old take [C, T] all but a piece's gaps is kept: the engine fills these."""
        rate = self.request.sample_rate
        assert wav is not None
        kept = wav[:, round(piece.start * rate) : round(piece.end * rate)]
        self.request = replace(self.request, kept=kept, gaps=piece.gaps)

    @property
    def is_free(self) -> bool:
        """Whether nothing says what it should sound like, and a prompt or sound could."""
        request = self.request
        said = (request.reference, request.prompt, request.negative_prompt, request.sound)
        return self.own.engine in ("preview", "diffusion") and all(hint is None for hint in said)

    def take_prompt(self, prompt: str) -> None:
        """Sounds as a prompt says; the preview as the built-in sound nearest to it."""
        if self.own.engine == "preview":
            self.request = replace(self.request, sound=sound_of_prompt(prompt))
        else:
            self.request = replace(self.request, prompt=prompt)

    def takes(self, envelope: Envelope, progress: Progress) -> Iterator[NDArray[np.float32]]:
        num_samples = round(self.request.duration * self.request.sample_rate)
        if self.own.engine != "preview":  # which lays hits one by one
            envelope = envelope.leveled()
        for take in self.engine.play(self.models, self.own, envelope, self.request, progress):
            yield fit_length(take, num_samples)

    def cues(self, envelope: Envelope) -> tuple[Cue, ...]:
        """Which recording is heard when; of an engine that hears a pool as a whole, its files."""
        pool, request = self.pool, self.request
        if pool is None:
            return ()
        if self.own.engine != "preview":
            return tuple(pool.files_as_cues())
        takes = range(request.variations)
        cues = (pool.cues(envelope, request.seed + take, take + 1) for take in takes)
        return tuple(chain.from_iterable(cues))


def take_paths(out: str | Path, variations: int) -> tuple[Path, ...]:
    """`out` itself, then with `.take2`, `.take3`... before its suffix."""
    first = Path(out)
    others = (first.with_suffix(f".take{n}{first.suffix}") for n in range(2, variations + 1))
    return (first, *others)


def _check_paths(clip: Clip, out: str | Path | None, options: GenerateOptions) -> tuple[Path, ...]:
    """Where the takes go. Raises ValueError for a place where one cannot be written."""
    if out is None:
        for name in ("mix_db", "codec"):
            if getattr(options, name) is not None:
                raise ValueError(f"{name} is of the finished clip; give an output, or leave it out")
        return ()
    paths = take_paths(out, options.variations)
    inputs: tuple[Any, ...] = (options.reference, options.envelope, options.weights, options.take)
    if isinstance(options.reference, list | tuple):
        inputs += (*options.reference,)
    inputs += tuple(vars(options.engine_options).values())
    files = tuple(value for value in inputs if isinstance(value, str | Path))
    for path in paths:
        check_output(path, source=clip, codec=options.codec)
        check_writable(path, inputs=files)
    if options.mix_db is not None and not clip.info.has_audio:
        warnings.warn(f"{clip.path}: has no sound of its own to mix with", stacklevel=3)
    return paths


def predict_envelope(
    video: str | Path | Clip,
    *,
    weights: str | Path | None = None,
    expect: str | None = None,
    pan: bool = False,
    progress: Progress | None = None,
    watcher: Watcher | None = None,
) -> Envelope:
    """Watch a clip: the envelope of the sound it asks for, as long as the clip, with its onsets.

    Any length in bounded memory. expect: what is to be heard, "steps", "hits" or "continuous"
    (`folai.mapper.expect`). pan: also where in the picture it moves, for stereo. watcher: is shown
    the envelope so far (`folai.mapper.glimpses`). Warns, with the times, where the prediction is
    unsure. Raises ValueError for a clip or weights that cannot be read, and for another
    expectation.
    """
    check_expectation(expect)
    with opened(video) as clip:
        options = GenerateOptions(weights=weights, expect=expect)
        return _predict(clip, options, pan, progress, Models(), watcher)


def _predict(
    clip: Clip,
    options: GenerateOptions,
    pan: bool,
    progress: Progress | None,
    models: Models,
    watcher: Watcher | None = None,
) -> Envelope:
    duration = clip.info.duration
    run = _load_mapper(models, options.weights, options.expect)
    if watcher is not None:
        watcher.models = lambda: run.models
    known = watcher is not None and watcher.whole
    # Decoding and scaling go on in threads while the flow of earlier pictures is measured.
    frames: Iterator[Frame] = iter(())
    if not known:
        frames = clip.frames(height=FLOW_SIZE[1], max_fps=MAX_FPS, threads=models.threads)
        frames = prefetched(frames, PICTURES_AHEAD)
    envelope = run(iter_pictures(_reporting(frames, duration, progress), watch=watcher))
    if watcher is not None:
        watcher.end()
    envelope = _prolonged(envelope if pan else replace(envelope, pan=None))
    envelope = envelope.resample(FRAME_RATE, duration)
    doubt = describe_doubt(envelope)
    if doubt is not None:
        warnings.warn(f"{clip.path}: {doubt}", stacklevel=2)
    return envelope


def measure_envelope(video: str | Path | Clip) -> Envelope:
    """The envelope of the sound that a clip already has, at the level the mapper predicts: peak 1.

    Raises ValueError for a clip without sound.
    """
    with opened(video) as clip:
        return _measured(*clip.audio()).resample(FRAME_RATE, clip.info.duration)


def measure_sound(path: str | Path) -> Envelope:
    """The same of any file with sound, as long as that is. Raises ValueError as `read_audio`."""
    return _measured(*read_audio(path))


def _measured(wav: NDArray[np.float32], sample_rate: int) -> Envelope:
    mono = without_rumble(to_mono(wav), sample_rate)
    return Envelope.from_audio(peak_normalise(mono), sample_rate)


@dataclass(frozen=True)
class _Mapper:
    """The models, loaded, and what is asked of them."""

    models: Sequence[Mapper]
    calibration: Calibration | None
    expect: str | None

    def __call__(self, blocks: Iterable[Pictures]) -> Envelope:
        from folai.mapper.predict import predict_envelope

        return predict_envelope(
            blocks, self.models, calibration=self.calibration, expect=self.expect
        )


def _load_mapper(models: Models, weights: str | Path | None, expect: str | None) -> _Mapper:
    """Load the models."""
    mapper, calibration = models.mapper(weights)
    return _Mapper(mapper, calibration, expect)


def _prolonged(envelope: Envelope, seconds: float = 0.1) -> Envelope:
    """Continued a little at its last value: the last picture stays, though no step follows it."""
    more = (0, round(seconds * envelope.frame_rate))
    curves: dict[str, Any] = {
        name: np.pad(curve, more, mode="edge")
        for name in ("values", "confidence", "pan")
        if (curve := getattr(envelope, name)) is not None
    }
    return replace(envelope, **curves)


def _reporting(
    frames: Iterable[Frame], duration: float, progress: Progress | None
) -> Iterator[Frame]:
    for frame in frames:
        if progress is not None:
            progress(min(1.0, frame.time / duration))
        yield frame
    if progress is not None:
        progress(1.0)


def read_pool(options: GenerateOptions) -> Pool | None:
    """The pool of recordings that is asked for, if one is. Raises ValueError where it is empty."""
    reference, rate = options.reference, int(options.sample_rate)
    if options.library is not None:
        file = None if options.library_file is None else Path(options.library_file)
        return pool_from_words(options.library, file, rate)
    if isinstance(reference, str | Path):
        return pool_from_files([reference], rate) if Path(reference).is_dir() else None
    if reference is None or isinstance(reference, np.ndarray):
        return None
    if all(isinstance(place, str | Path) for place in reference):
        return pool_from_files([*reference], rate, options.prompt or "")
    return None


def read_reference(
    options: GenerateOptions,
) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    """The reference [C, T] with one or two channels, and what had to be done to a file for that.

    Raises ValueError for a reference that cannot be read or holds nothing to play.
    """
    reference, rate = options.reference, int(options.sample_rate)
    if reference is None:
        return None, ()
    name, notes = "", []
    if isinstance(reference, str | Path):
        name = f"{reference}: "
        wav, stored_rate = read_audio(reference, surround=True, longest=LONGEST_REFERENCE)
        if wav.shape[1] >= LONGEST_REFERENCE * stored_rate:
            minutes = LONGEST_REFERENCE / 60
            warnings.warn(f"{name}its first {minutes:g} minutes are used, no more", stacklevel=3)
        if stored_rate != rate:
            notes.append(f"{name}resampled from {stored_rate} to {rate} Hz")
        most, used = (1, "one") if options.engine_options.engine == "diffusion" else (2, "two")
        if wav.shape[0] > most:
            notes.append(f"{name}{wav.shape[0]} channels folded into {used}")
        wav = resample(wav, stored_rate, rate)
    else:
        wav = np.atleast_2d(np.asarray(reference))
    try:
        wav = check_reference(wav, rate)
        if wav.shape[0] > 2:
            wav = to_stereo(wav, usual_names(wav.shape[0]))
        wav = check_reference(without_rumble(wav, rate), rate)
    except ValueError as error:
        raise ValueError(f"{name}{error}") from error
    return wav, tuple(notes)


def read_take(options: GenerateOptions, duration: float) -> NDArray[np.float32] | None:
    """The earlier take [C, T], one or two channels, as long as the clip; None where none is given.

    Raises ValueError for one that cannot be read, or that is of another clip.
    """
    if options.take is None:
        return None
    rate = int(options.sample_rate)
    if isinstance(options.take, str | Path):
        wav = read_audio(options.take, sample_rate=rate)[0]
        name = f"{options.take}: "
    else:
        wav, name = np.atleast_2d(np.asarray(options.take, np.float32)), ""
    lasts = wav.shape[1] / rate
    if abs(lasts - duration) > OTHER_CLIP:
        raise ValueError(
            f"{name}lasts {lasts:.2f} s, and the clip {duration:.2f} s; give a take of this clip"
        )
    return fit_length(wav, round(duration * rate))


def _read_envelope(options: GenerateOptions, duration: float) -> Envelope | None:
    """The envelope to use instead of a prediction, as long as the clip."""
    envelope = options.envelope
    if envelope is None:
        return None
    if isinstance(envelope, str | Path):
        rate, length = (None, None) if options.resample else (FRAME_RATE, duration)
        envelope = Envelope.load(envelope, frame_rate=rate, duration=length)
    elif not options.resample:
        envelope.require_match(None, duration)
    return envelope.resample(FRAME_RATE, duration) if options.resample else envelope
