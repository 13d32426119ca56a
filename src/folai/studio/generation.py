"""Sound on demand: a preview at once, or takes by a job, of the whole clip or of a region."""

from __future__ import annotations

import threading
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

from folai.diffusion.naming import sound_of_prompt
from folai.diffusion.vocabulary import find_words
from folai.engines import get_engine
from folai.envelope import FRAME_RATE, Envelope
from folai.envelope.segments import read_segments
from folai.envelope.spans import read_spans, within
from folai.media.audio import fit_length, read_audio, write_wav
from folai.media.rumble import without_rumble
from folai.metrics.lufs import k_filtered
from folai.preview.choosing import alike
from folai.preview.kit import Kit, make_kit
from folai.preview.lay import lay_kit
from folai.preview.materials import DEFAULT_SOUND
from folai.preview.plan import planned
from folai.studio import project_envelopes
from folai.studio.additions import addition_path
from folai.studio.failures import Missing
from folai.studio.jobs import Job
from folai.studio.project import Project, new_id, timestamp
from folai.studio.project_sounds import Patched, SoundFile, wav_bytes, write_sound
from folai.studio.studio import SAMPLE_RATE, Studio, options_of, require_room
from folai.takes.finish import finished
from folai.takes.noise import Noise, without_noise
from folai.takes.options import FinishOptions
from folai.takes.renewing import AFTER, BEFORE, CONTEXT, FADE, at_level, crossfaded, level_cut

WHOLE = 30.0  # seconds up to which the whole clip is previewed, so that hits sound the same
LONGEST_PREVIEW = 120.0  # seconds of one preview
MOST_LIKE = 12  # sounds that are named as like one


class Previewer:
    """The preview engine; the kits of sounds that it lays are kept in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kits: dict[tuple[str, str | None, int], tuple[Kit, Noise | None]] = {}

    def preview(self, studio: Studio, project: Project, request: dict[str, Any]) -> bytes:
        """A WAV file. Raises ValueError for a request that cannot be played."""
        start, end, envelope = self._part(studio, project, request)
        sound = request.get("sound", {})
        kit, noise = self._kit(studio, project, sound)
        finish = finish_of(sound)
        wav = lay_kit(envelope, kit, tails=finish.tails)
        seed, heard = sound.get("seed", 0), envelope.leveled()
        wav = finished(wav, SAMPLE_RATE, heard, finish, noise=noise, seed=seed, weighted=k_filtered)
        if end - start < envelope.duration - 1e-6:  # the whole was laid, a part was asked for
            wav = wav[:, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        return wav_bytes(fit_length(wav, round((end - start) * SAMPLE_RATE)), SAMPLE_RATE)

    def hits(self, studio: Studio, project: Project, request: dict[str, Any]) -> dict[str, Any]:
        """Which sound each hit of a preview has, and which there are. Raises as `preview`."""
        start, _, envelope = self._part(studio, project, request)
        kit, _ = self._kit(studio, project, request.get("sound", {}))
        whole = project.duration <= WHOLE and not request.get("part")
        shift = 0.0 if whole else start
        return {
            "hits": [
                {"time": hit.onset + shift, "sound": hit.event, "foot": hit.foot}
                for hit in planned(envelope, kit)
            ],
            "sounds": [
                {"start": event.start, "like": alike(kit.features, number, MOST_LIKE)}
                for number, event in enumerate(kit.events)
            ],
        }

    def _part(
        self, studio: Studio, project: Project, request: dict[str, Any]
    ) -> tuple[float, float, Envelope]:
        """(start, end, envelope): of the whole clip where that is short, else of that part."""
        start = request.get("start") or 0.0
        end = request.get("end")
        end = project.duration if end is None else min(end, project.duration)
        if end - start < 0.02:
            raise ValueError(f"the part from {start:g} to {end:g} s is too short to be heard")
        if end - start > LONGEST_PREVIEW:
            raise ValueError(
                f"a preview of {end - start:.0f} s is too long: ask for {LONGEST_PREVIEW:g} s"
            )
        if request.get("part"):
            if not isinstance(request.get("envelope"), dict):
                raise ValueError("part needs an Envelope: send the part itself")
            part = project_envelopes.from_json(request["envelope"])
            if abs(part.duration - (end - start)) > 2 / part.frame_rate:
                raise ValueError(f"the part lasts {part.duration:g} s, not {end - start:g}")
            return start, end, at_level(part, request.get("peak") or 0.0)
        envelope = studio.envelope(project, request.get("envelope"))
        if project.duration <= WHOLE:
            return start, end, envelope
        return start, end, level_cut(envelope, start, end)

    def _kit(
        self, studio: Studio, project: Project, sound: dict[str, Any]
    ) -> tuple[Kit, Noise | None]:
        """What to lay, and the noise that was taken out of the reference."""
        seed, reference = sound.get("seed", 0), sound.get("reference")
        name = None if reference else preview_material(sound)
        key = (f"{project.id}/{reference}" if reference else "", name, seed)
        with self._lock:
            if key in self._kits:
                return self._kits[key]
        if reference:
            wav, rate = read_audio(studio.reference_path(project, reference))
            wav, noise = without_noise(without_rumble(wav, rate), SAMPLE_RATE)
            made = make_kit(reference=wav, sample_rate=SAMPLE_RATE, seed=seed), noise
        else:
            made = make_kit(sound=name, sample_rate=SAMPLE_RATE, seed=seed), None
        with self._lock:
            while len(self._kits) >= 16:
                self._kits.pop(next(iter(self._kits)))
            self._kits[key] = made
        return made


def warm_up() -> None:
    """Load what the first preview would have to wait for."""
    envelope = Envelope.from_hits([0.1, 0.3], 0.5)
    wav = lay_kit(envelope, make_kit(sound=DEFAULT_SOUND))
    wav_bytes(finished(wav, SAMPLE_RATE, envelope, weighted=k_filtered), SAMPLE_RATE)


def preview_material(sound: dict[str, Any]) -> str:
    """The built-in sound that stands for these settings where there is no reference."""
    if sound.get("sound"):
        return str(sound["sound"])
    return sound_of_prompt(sound.get("prompt"))


def finish_of(sound: dict[str, Any]) -> FinishOptions:
    """How these settings finish a take."""
    known = {field.name: sound.get(field.name) for field in fields(FinishOptions)}
    return FinishOptions(**{name: value for name, value in known.items() if value is not None})


def check_sound(sound: dict[str, Any]) -> dict[str, Any]:
    """{"engine", "warnings"} of settings. Raises ValueError for an invalid combination."""
    options = options_of(sound)
    messages: list[str] = []
    prompt, negative = options.get("prompt"), options.get("negative_prompt")
    if options["engine"] != "diffusion":  # others take any words
        return {"engine": options["engine"], "warnings": messages}
    prompts = [prompt, *(segment.prompt for segment in read_segments(options.get("segments", ())))]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: messages.append(str(message))
        for words in filter(None, prompts):
            find_words(words)
        if negative is not None:
            find_words(negative, "negative prompt")
    return {"engine": options["engine"], "warnings": messages}


# Takes


def generate(studio: Studio, project: Project, request: dict[str, Any]) -> Job:
    """A job that makes takes. Raises ValueError at once for invalid settings."""
    layer = project.find("layers", request["layer"])
    sound = request.get("sound", layer["sound"])
    region = _region(project, request.get("region"), layer["id"])
    name = layer["envelope"] if request.get("envelope") is None else request["envelope"]
    whole = studio.envelope(project, name)
    saved = project.add_envelope(whole)
    options = options_of(sound)
    variations = sound.get("variations", 1)
    require_room(project, variations)
    reference = sound.get("reference")
    path = studio.reference_path(project, reference) if reference else None
    if sound.get("lora") and options["engine"] == "diffusion":
        options["lora"] = str(addition_path(project, sound["lora"]))
    part, begin, anew = whole, 0.0, None
    made = {**sound, "variations": 1}
    if region is not None:
        options.pop("loop", None)  # it is the whole take that goes round, as the one before did
        made["loop"] = bool(project.find("takes", region["take"])["sound"].get("loop"))
        fills = get_engine(options["engine"]).FILLS
        begin, end = _around(region, fills)
        part = level_cut(whole, begin, min(end, project.duration))
        if fills or region.get("spans"):
            anew = [[a - begin, b - begin] for a, b in _spans(region)]

    entry = {
        "layer": layer["id"],
        "name": request.get("name"),
        "envelope": saved,
        "sound": made,
        "region": region,
    }

    def work(job: Job) -> None:
        outs = [_fresh(project, job.id, take) for take in range(variations)]
        followed = project.media / "takes" / f".{job.id}.npz"
        old = _fresh(project, job.id, variations)

        def keep(number: int, facts: dict[str, Any], messages: list[str]) -> None:
            if region is not None:
                _lay_into(project, region, outs[number], begin, is_blended=anew is not None)
            take = {**entry, **facts, "warnings": messages}
            take["sound"] = {**entry["sound"], "seed": sound.get("seed", 0) + number}
            job.takes.append(keep_take(project, outs[number], take))
            studio.tell(project, "takes")

        try:
            if not part.values.any():
                raise ValueError("the envelope is silent here: draw what should sound")
            project_envelopes.write_npz(followed, part)
            values = options
            if region is not None and anew is not None:
                _write_part(project, region["take"], begin, part.duration, old)
                values = {**options, "take": str(old), "regenerate": anew}
            studio.generator.make(
                job.id,
                envelope=followed,
                options=values,
                reference=path,
                out=outs,
                progress=lambda share: job.advance_quietly(0.99 * share, _told(share, variations)),
                made=keep,
                cancelled=job.cancelled.is_set,
            )
        finally:
            for left in (*outs, followed, old):
                left.unlink(missing_ok=True)

    return studio.jobs.add("generate", project.id, work, layer=layer["id"])


def _around(region: dict[str, Any], fills: bool) -> tuple[float, float]:
    """From when to when it is made: more where an engine hears what is beside its gaps."""
    before, after = (CONTEXT, CONTEXT) if fills else (BEFORE, AFTER)
    begin = max(0.0, region["start"] - region["fade"] - before)
    return round(begin * FRAME_RATE) / FRAME_RATE, region["end"] + region["fade"] + after


def _told(share: float, variations: int) -> str:
    if variations == 1:
        return ""
    return f"take {min(variations, int(share * variations) + 1)} of {variations}"


def _fresh(project: Project, job: str, take: int) -> Path:
    folder = project.media / "takes"
    folder.mkdir(exist_ok=True)
    return folder / f".{job}-{take}.wav"


def _region(project: Project, request: dict[str, Any] | None, layer: str) -> dict[str, Any] | None:
    """The region in a request, its end inside the clip. Raises ValueError and Missing."""
    if request is None:
        return None
    take = project.find("takes", request["take"])
    if take["layer"] != layer:
        raise ValueError(f"take {take['name']!r} belongs to another layer: choose one of this")
    start, end = request["start"], min(request["end"], project.duration)
    if end - start < 0.02:
        raise ValueError(f"the region from {start:g} to {end:g} s is too short: make it longer")
    known = {"take": take["id"], "start": start, "end": end, "fade": request.get("fade", FADE)}
    if not request.get("spans"):
        return known
    spans = within(read_spans(request["spans"]), project.duration)
    return {**known, "start": spans[0][0], "end": spans[-1][1], "spans": [*map(list, spans)]}


def _spans(region: dict[str, Any]) -> list[tuple[float, float]]:
    """The parts of a region that are made anew."""
    return region.get("spans") or [(region["start"], region["end"])]


def _write_part(project: Project, take: str, begin: float, duration: float, out: Path) -> None:
    """Write a part of a take, as long as its envelope, as a WAV file of its own."""
    old = _take_of(project, take)
    first, count = round(begin * old.sample_rate), round(duration * old.sample_rate)
    write_wav(out, fit_length(old.read(first, count), count), old.sample_rate)


def _take_of(project: Project, take: str) -> SoundFile:
    try:
        return SoundFile(project.media / "takes" / f"{take}.wav")
    except ValueError:
        raise Missing("the take of this region was deleted meanwhile: choose another") from None


def _lay_into(
    project: Project, region: dict[str, Any], out: Path, begin: float, *, is_blended: bool
) -> None:
    """Put `out`, sound from `begin` seconds on, into the region of a copy of the old take.

    is_blended: it fades from the old take and back by itself; another fade would be heard.
    """
    old = _take_of(project, region["take"])
    rate = old.sample_rate
    reach = max(region["fade"], FADE) if is_blended else region["fade"]
    first = max(0, round((region["start"] - reach) * rate))
    last = min(old.num_samples, round((region["end"] + reach) * rate))
    new = SoundFile(out).read(first - round(begin * rate), last - first)
    fade = 0 if is_blended else round(2 * reach * rate)
    rise, fall = fade if first > 0 else 0, fade if last < old.num_samples else 0
    part = crossfaded(old.read(first, last - first), new, rise, fall)
    write_sound(out, Patched(old, first, part), old.num_samples)


def keep_take(project: Project, out: Path, entry: dict[str, Any]) -> str:
    """Make the WAV file `out` a take of the project, as long as the clip. Returns its id."""
    name = new_id()
    sound = SoundFile(out)
    num_samples = round(project.duration * sound.sample_rate)
    if sound.num_samples != num_samples:
        write_sound(out, sound, num_samples)
    out.rename(out.with_name(f"{name}.wav"))
    with project.change() as document:
        count = sum(take["layer"] == entry["layer"] for take in document["takes"])
        document["takes"].append(
            {
                **entry,
                "id": name,
                "name": entry["name"] or f"Take {count + 1}",
                "created": timestamp(),
                "duration": num_samples / sound.sample_rate,
                "sample_rate": sound.sample_rate,
                "channels": sound.channels,
            }
        )
    return name
